import { useSyncExternalStore } from "react";

/**
 * The owner's token. By itself it is kept for this tab alone and gone when it is closed; on the device only where the reader wants it,
 * for whoever uses the device can then read and change the alerts. It is never put into an address, nor into what is stored of answers.
 */
const KEY = "vayu.alerts-token";
const listeners = new Set<() => void>();
/** For a browser that forbids storage: until the page is closed. */
let memory: string | null = null;
/** Counts the tokens of this visit, so that what one owner sees is not taken for another's. */
let owner = 0;

function from(storage: "sessionStorage" | "localStorage"): string | null {
  try {
    return window[storage].getItem(KEY);
  } catch {
    return null;
  }
}

export function currentToken(): string | null {
  return from("sessionStorage") ?? from("localStorage") ?? memory;
}

/** Uses a token from now on, or none; `remember`: also after this tab is closed. */
export function setToken(token: string | null, remember = false): void {
  memory = token;
  owner += 1;
  for (const storage of ["sessionStorage", "localStorage"] as const) {
    try {
      window[storage].removeItem(KEY);
      if (token !== null && (storage === "localStorage") === remember) window[storage].setItem(KEY, token);
    } catch {
      // Forbidden or full: `memory` has it.
    }
  }
  for (const notify of listeners) notify();
}

function subscribe(notify: () => void): () => void {
  listeners.add(notify);
  return () => listeners.delete(notify);
}

/** The token in use; null without one. */
export function useToken(): string | null {
  return useSyncExternalStore(subscribe, currentToken);
}

/** A name for whose alerts are shown that says nothing of the token. */
export function ownerNumber(): number {
  return owner;
}
