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

/** Words that stood beside the term in docs/dashboard.md, or mean something else to readers. */
const RETIRED: [string, RegExp, string][] = [
  ["a second word for a station", /केंद्र/, "स्टेशन"],
  ["founding, for an installation", /(^|\s)स्थापना/, "इंस्टॉलेशन"],
  ["estimated, for implied by an index", /(^|\s)अनुमानित/, "सूचकांक से निकाला गया"],
  ["an activist, for a worker", /कार्यकर्ता/, "वर्कर"],
  ["relatives, for a kind of model", /परिवार/, "मॉडल-प्रकार"],
  ["a lie, for a false alarm", /झूठ/, "गलत चेतावनी"],
  ["repeating, for a replay", /पुनरावृत्ति/, "रीप्ले"],
  ["another spelling of median", /मध्यिका/, "माध्यिका"],
  ["another spelling of at least", /कम-से-कम/, "कम से कम"],
  ["a month cut short", /॰/, "सितंबर"],
];

test.each(RETIRED)("no Hindi message has %s", (_, word, term) => {
  const texts = english.flatMap((path) => [...messages(files[path.replace("/en.po", "/hi.po")] ?? "").values()]);
  expect(texts.some((text) => text.includes(term)), term).toBe(true);
  expect(texts.filter((text) => word.test(text))).toEqual([]);
});
