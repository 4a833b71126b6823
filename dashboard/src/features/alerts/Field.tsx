import { type ReactElement, type ReactNode, cloneElement, useId } from "react";
import type { Fault } from "./form";
import { useFaultText } from "./words";

interface Props {
  label: ReactNode;
  hint?: ReactNode;
  fault: Fault | undefined;
  children: ReactElement<{ id?: string; "aria-invalid"?: boolean; "aria-describedby"?: string | undefined }>;
}

/** An input with its label, its hint, and what is wrong with it. */
export function Field({ label, hint, fault, children }: Props) {
  const id = useId();
  const faultText = useFaultText();
  const described = [hint === undefined ? null : `${id}-hint`, fault === undefined ? null : `${id}-fault`].filter((part) => part !== null);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, {
        id,
        "aria-invalid": fault !== undefined,
        "aria-describedby": described.length === 0 ? undefined : described.join(" "),
      })}
      {hint === undefined ? null : (
        <p id={`${id}-hint`} className="quiet">
          {hint}
        </p>
      )}
      {fault === undefined ? null : (
        <p id={`${id}-fault`} className="fault">
          {faultText(fault)}
        </p>
      )}
    </div>
  );
}
