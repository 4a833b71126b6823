import { expect, test } from "vitest";

const files = import.meta.glob<string>(["../../app/locales/*.po", "../../features/*/locales/*.po"], {
  query: "?raw",
  import: "default",
  eager: true,
});

function join(lines = ""): string {
  return lines
    .trim()
    .split("\n")
    .map((line) => String(JSON.parse(line)))
    .join("");
}

/** Messages of a catalogue and their translations; entries without an id are the header. */
function messages(text: string): Map<string, string> {
  const entries = text.matchAll(/^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)/gm);
  return new Map([...entries].map((entry) => [join(entry[1]), join(entry[2])] as const).filter(([id]) => id !== ""));
}

/** Names in braces and tags, which a translation must keep. */
function placeholders(message: string): string[] {
  return [...new Set(message.match(/\{\w+\}|\{\w+, plural|<\/?\d+\/?>/g))].sort();
}

const english = Object.keys(files).filter((path) => path.endsWith("/en.po"));

test("there is a catalogue a page", () => {
  expect(english.length).toBeGreaterThanOrEqual(9);
});

test.each(english)("every message of %s is translated into Hindi, with its placeholders", (path) => {
  const source = messages(files[path] ?? "");
  const hindi = messages(files[path.replace("/en.po", "/hi.po")] ?? "");
  expect([...hindi.keys()]).toEqual([...source.keys()]);
  for (const [id, translation] of hindi) {
    expect(translation, id).not.toBe("");
    expect(placeholders(translation), id).toEqual(placeholders(id));
  }
});
