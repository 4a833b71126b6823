import { Trans } from "@lingui/react/macro";
import { type ReactNode, useState } from "react";

/** A text under a heading, with a button that copies it. */
export function Copyable({ name, text, level = 3 }: { name: ReactNode; text: string; level?: 3 | 4 }) {
  const [copied, setCopied] = useState<{ text: string; done: boolean } | null>(null);
  const Heading = `h${level}` as const;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied({ text, done: true });
    } catch {
      // Forbidden, or no HTTPS: the text can be marked and copied by hand.
      setCopied({ text, done: false });
    }
  };
  return (
    <div className="copyable">
      <Heading>{name}</Heading>
      <pre>
        <code>{text}</code>
      </pre>
      <button type="button" onClick={() => void copy()}>
        <Trans>Copy</Trans> <span className="visually-hidden">{name}</span>
      </button>
      <span role="status" className="quiet">
        {copied?.text !== text ? null : copied.done ? <Trans>Copied</Trans> : <Trans>Mark the text and copy it by hand</Trans>}
      </span>
    </div>
  );
}
