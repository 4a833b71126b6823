import { useSyncExternalStore } from "react";
import { store, stored } from "../storage";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "vayu.theme";
const listeners = new Set<() => void>();

function isTheme(value: unknown): value is Theme {
  return THEMES.some((theme) => theme === value);
}

export function preferredTheme(): Theme {
  const chosen = stored(KEY);
  return isTheme(chosen) ? chosen : "system";
}

/** Sets `data-theme` on the document; tokens.css does the rest by `color-scheme`. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
}

export function chooseTheme(theme: Theme): void {
  store(KEY, theme);
  applyTheme(theme);
  for (const notify of listeners) notify();
}

export function useTheme(): Theme {
  return useSyncExternalStore((notify) => {
    listeners.add(notify);
    return () => listeners.delete(notify);
  }, preferredTheme);
}
