/** The public feed (Atom, RFC 4287) as this page needs it. */
export interface PublicMessage {
  id: string;
  title: string;
  summary: string;
  sentAt: string;
  kind: "firing" | "repeat" | "clear";
  /** Which of the two standing rules of its city gave it. */
  rule: "measured" | "expected";
  slug: string;
  place: string;
  /** Address of the message as CAP; null where there is none. */
  cap: string | null;
}

const ATOM = "http://www.w3.org/2005/Atom";
const KINDS = ["firing", "repeat", "clear"] as const;
const RULES = ["measured", "expected"] as const;

/** The messages of a feed, newest first; throws where it is none. */
export function parseFeed(text: string): PublicMessage[] {
  const feed = new DOMParser().parseFromString(text, "application/xml");
  if (feed.documentElement.localName !== "feed") throw new Error("this is no Atom feed");
  return [...feed.getElementsByTagNameNS(ATOM, "entry")].flatMap((entry) => {
    const content = (name: string) => entry.getElementsByTagNameNS(ATOM, name)[0]?.textContent ?? "";
    const categories = [...entry.getElementsByTagNameNS(ATOM, "category")];
    const terms = new Set(categories.map((category) => category.getAttribute("term")));
    const kind = KINDS.find((each) => terms.has(each));
    const rule = RULES.find((each) => terms.has(each));
    const city = categories.find((category) => category.hasAttribute("label"));
    const enclosure = [...entry.getElementsByTagNameNS(ATOM, "link")].find((link) => link.getAttribute("rel") === "enclosure");
    if (kind === undefined || rule === undefined || city === undefined) return [];
    return [
      {
        id: content("id"),
        title: content("title"),
        summary: content("summary"),
        sentAt: content("updated"),
        kind,
        rule,
        slug: city.getAttribute("term") ?? "",
        place: city.getAttribute("label") ?? "",
        cap: ownPath(enclosure?.getAttribute("href")),
      },
    ];
  });
}

/** On this origin: the feed names the address under which the service is known elsewhere. */
function ownPath(href: string | null | undefined): string | null {
  const address = URL.parse(href ?? "");
  return address === null ? null : `${address.pathname}${address.search}`;
}

/**
 * What is still in force, newest first: the last message of each standing rule of a city that has fired and is not over. A city has
 * two, one on measurements and one on forecasts, so that two may be in force at a time.
 */
export function inForce(messages: PublicMessage[]): PublicMessage[] {
  const last = new Map<string, PublicMessage>();
  for (const message of messages.toReversed()) last.set(`${message.slug} ${message.rule}`, message);
  return [...last.values()].filter(({ kind }) => kind !== "clear").toSorted((a, b) => Date.parse(b.sentAt) - Date.parse(a.sentAt));
}
