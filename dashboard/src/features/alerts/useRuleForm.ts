import { useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { Faults, Form } from "./form";

/** A form of a rule: what is entered, and what is wrong with it until it is entered anew. */
export function useRuleForm(initial: () => Form) {
  const ref = useRef<HTMLFormElement>(null);
  const [form, setForm] = useState(initial);
  const [faults, setFaults] = useState<Faults>({});
  const edit = (changes: Partial<Form>) => {
    setForm((before) => ({ ...before, ...changes }));
    const changed = new Set(Object.keys(changes));
    setFaults((before) => Object.fromEntries(Object.entries(before).filter(([field]) => !changed.has(field))));
  };
  /** Shows what is wrong, and leads to the first of it. Returns whether there is anything. */
  const show = (wrong: Faults): boolean => {
    flushSync(() => setFaults(wrong));
    ref.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    return Object.keys(wrong).length > 0;
  };
  return { ref, form, faults, edit, show };
}
