import { useSyncExternalStore } from "react";
import { store, stored } from "./storage";

const KEY = "vayu.favourites";
const listeners = new Set<() => void>();
let cached: { text: string | null; slugs: ReadonlySet<string> } = { text: null, slugs: new Set() };

/** The same set for the same text, as useSyncExternalStore needs. */
function snapshot(): ReadonlySet<string> {
  const text = stored(KEY);
  if (text !== cached.text) cached = { text, slugs: parse(text) };
  return cached.slugs;
}

function parse(text: string | null): Set<string> {
  try {
    const value: unknown = JSON.parse(text ?? "[]");
    return new Set(Array.isArray(value) ? value.filter((slug) => typeof slug === "string") : []);
  } catch {
    return new Set();
  }
}

function subscribe(notify: () => void): () => void {
  listeners.add(notify);
  // Another window of the same browser.
  window.addEventListener("storage", notify);
  return () => {
    listeners.delete(notify);
    window.removeEventListener("storage", notify);
  };
}

export function toggleFavourite(slug: string): void {
  const slugs = new Set(snapshot());
  if (!slugs.delete(slug)) slugs.add(slug);
  store(KEY, JSON.stringify([...slugs]));
  for (const notify of listeners) notify();
}

/** Slugs of the cities the reader marked; kept on the device only. */
export function useFavourites(): ReadonlySet<string> {
  return useSyncExternalStore(subscribe, snapshot);
}
