import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";
import { Copyable } from "../../shared/Copyable";
import { type Choice, historyPath } from "./choice";
import { snippet, TOOLS, type Tool } from "./snippets";

const TOOL_NAMES: Record<Tool, ReactNode> = {
  curl: "curl",
  python: "Python",
  r: "R",
  spreadsheet: <Trans>Spreadsheet</Trans>,
};

/** The address, and lines that fetch it. */
export function Use({ url, choice }: { url: string; choice: Choice }) {
  const file = `${choice.city}.${choice.format}`;
  // Spreadsheets read CSV alone.
  const csv = new URL(`/api/v1${historyPath({ ...choice, format: "csv" })}`, window.location.origin).href;
  return (
    <section className="section" aria-labelledby="use">
      <h2 id="use">
        <Trans>Address and code</Trans>
      </h2>
      <Copyable name={<Trans>Address</Trans>} text={url} />
      {TOOLS.map((tool) => (
        <Copyable key={tool} name={TOOL_NAMES[tool]} text={snippet(tool, tool === "spreadsheet" ? csv : url, choice.format, file)} />
      ))}
      <p className="quiet">
        <Trans>
          The formula is for Google Sheets, which must be able to reach this address. In Excel choose Data → From Web, in LibreOffice
          Sheet → External Links, and give the CSV address.
        </Trans>
      </p>
    </section>
  );
}
