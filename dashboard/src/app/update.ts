import { useSyncExternalStore } from "react";

const HOUR = 3_600_000;

let apply: (() => void) | null = null;
const listeners = new Set<() => void>();

/**
 * Lets the service worker keep the page for when there is no network. A new version of the page is loaded when the reader wants it,
 * or at the beginning of the next visit: never in the middle of one, and never later.
 */
export async function registerWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const { Workbox } = await import("workbox-window");
  const workbox = new Workbox("/sw.js");
  const activate = () => {
    workbox.addEventListener("controlling", () => window.location.reload());
    workbox.messageSkipWaiting();
  };
  workbox.addEventListener("waiting", ({ wasWaitingBeforeRegister }) => {
    if (wasWaitingBeforeRegister === true) {
      activate();
      return;
    }
    apply = activate;
    for (const notify of listeners) notify();
  });
  try {
    await workbox.register();
  } catch {
    // Forbidden by the browser, or by a page that is no secure context: it works as any other page.
    return;
  }
  // A window that stays open for days learns of new versions, too.
  setInterval(() => void workbox.update().catch(() => undefined), HOUR);
}

/** What loads the new version; null while there is none. */
export function useUpdate(): (() => void) | null {
  return useSyncExternalStore(
    (notify) => {
      listeners.add(notify);
      return () => listeners.delete(notify);
    },
    () => apply,
  );
}
