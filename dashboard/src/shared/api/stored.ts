import type { QueryClient, QueryKey } from "@tanstack/react-query";
import { createStore, delMany, entries, set, type UseStore } from "idb-keyval";

/**
 * The last answers, kept on the device. A page shows them at once with their age and asks for newer ones behind them; offline they
 * are all there is. They are kept here and not by the service worker, because a worker that answers in the server's place makes an
 * old answer look like a new one: here it keeps its time, and the failure to renew it stays a failure that the page can tell.
 */
interface Answer {
  key: QueryKey;
  data: unknown;
  updatedAt: number;
}

const MOST = 40;
const LARGEST_CHARACTERS = 400_000;
const OLDEST = 7 * 24 * 3_600_000;
/** What a page waits for the store at most, in milliseconds: some browsers never open it. */
const PATIENCE = 500;

/** Where answers are kept; null where the browser has no such place, as in some private windows. */
export function answerStore(): UseStore | null {
  return "indexedDB" in globalThis ? createStore("vayu", "answers") : null;
}

/** Puts the answers of former visits into the cache, with the time at which they came. */
export async function restoreAnswers(client: QueryClient, store: UseStore | null): Promise<void> {
  if (store === null) return;
  const restore = async () => {
    for (const [, text] of await entries<string, string>(store)) {
      const { key, data, updatedAt }: Answer = JSON.parse(text);
      // An answer that has come meanwhile is newer.
      if (Date.now() - updatedAt < OLDEST && client.getQueryData(key) === undefined) client.setQueryData(key, data, { updatedAt });
    }
  };
  const patience = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE));
  // A store that cannot be read costs the first sight, and nothing else.
  await Promise.race([restore().catch(() => undefined), patience]);
}

/** Keeps every new answer, unless its query says `meta: { stored: false }`. Returns what ends it. */
export function keepAnswers(client: QueryClient, store: UseStore | null): () => void {
  if (store === null) return () => undefined;
  return client.getQueryCache().subscribe((event) => {
    if (event.type !== "updated" || event.action.type !== "success" || event.action.manual === true) return;
    const { queryHash, queryKey, meta, state } = event.query;
    if (meta?.["stored"] === false) return;
    const text = JSON.stringify({ key: queryKey, data: state.data, updatedAt: state.dataUpdatedAt } satisfies Answer);
    if (text.length > LARGEST_CHARACTERS) return;
    // Forbidden or full: the page works without.
    void set(queryHash, text, store)
      .then(() => removeOldest(store))
      .catch(() => undefined);
  });
}

async function removeOldest(store: UseStore): Promise<void> {
  const all = await entries<string, string>(store);
  if (all.length <= MOST) return;
  const oldest = all.sort(([, a], [, b]) => timeOf(a) - timeOf(b)).slice(0, all.length - MOST);
  await delMany(
    oldest.map(([key]) => key),
    store,
  );
}

function timeOf(text: string): number {
  const { updatedAt }: Answer = JSON.parse(text);
  return updatedAt;
}
