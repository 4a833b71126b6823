import type { Query, QueryClient } from "@tanstack/react-query";
import { isObject, type Kind, type LiveEvent } from "./protocol";

/** Which events concern a query, in its `meta`. */
export interface Changes {
  kinds: readonly Kind[];
  /** Slugs of the cities that it shows; left out: all. */
  cities?: readonly string[];
}

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: {
      /** False: the answer is not kept on the device. */
      stored?: boolean;
      changes?: Changes;
    };
  }
}

/** As the API writes a city in addresses. */
function slugOf(city: string): string {
  return city.toLowerCase().replaceAll(" ", "-");
}

/** Whether what a query shows may be another after an event. */
export function concerns({ kind, cities }: LiveEvent, query: Query): boolean {
  const changes = query.meta?.changes;
  if (changes === undefined || !changes.kinds.some((each) => each === kind)) return false;
  if (changes.cities === undefined || cities.length === 0) return true;
  const slugs = new Set(cities.map(slugOf));
  if (changes.cities.some((slug) => slugs.has(slug))) return true;
  // The address of a page may have another name of the city, such as bengaluru; the answer has the name that events use.
  const data: unknown = query.state.data;
  return isObject(data) && typeof data["city"] === "string" && slugs.has(slugOf(data["city"]));
}

export interface Renewal {
  /** Milliseconds in which events are collected: an hour of data comes as many, and is read again once. */
  gather: number;
  /** The service may still answer from before a change for up to two seconds: it is asked a second time after this. */
  again: number;
  /** Requests of many pages are spread over this time, at random. */
  spread: number;
}

const RENEWAL: Renewal = { gather: 100, again: 2500, spread: 2500 };

/** Has the queries read again that events concern, and no others. */
export class Renewals {
  readonly #client: QueryClient;
  readonly #times: Renewal;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #gathered: LiveEvent[] = [];
  #gathering = false;

  constructor(client: QueryClient, times: Partial<Renewal> = {}) {
    this.#client = client;
    this.#times = { ...RENEWAL, ...times };
  }

  onEvent(event: LiveEvent): void {
    this.#gathered.push(event);
    if (this.#gathering) return;
    this.#gathering = true;
    this.#after(this.#times.gather, () => {
      const events = this.#gathered;
      this.#gathered = [];
      this.#gathering = false;
      const affected = (query: Query) => events.some((each) => concerns(each, query));
      this.#invalidate(affected);
      this.#later(affected);
    });
  }

  /** Events were missed for good, or nobody knows. */
  onReload(): void {
    this.#invalidate(() => true);
    this.#later((query) => query.meta?.changes !== undefined);
  }

  /** The connection is new: what was read while it came up may be older than its first event. */
  onFirst(): void {
    this.#later((query) => query.meta?.changes !== undefined);
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#gathered = [];
    this.#gathering = false;
  }

  #later(predicate: (query: Query) => boolean): void {
    this.#after(this.#times.again + Math.random() * this.#times.spread, () => this.#invalidate(predicate));
  }

  #invalidate(predicate: (query: Query) => boolean): void {
    // A request that is under way may have been answered before the change: it is begun anew.
    void this.#client.invalidateQueries({ predicate }, { cancelRefetch: true });
  }

  #after(milliseconds: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
  }
}
