import { i18n, type Messages } from "@lingui/core";
import { useLingui } from "@lingui/react";
import { store, stored } from "../storage";

export { i18n };

export const LOCALES = ["en", "hi"] as const;
export type Locale = (typeof LOCALES)[number];
export const LOCALE_NAMES: Record<Locale, string> = { en: "English", hi: "हिन्दी" };

const KEY = "vayu.locale";

const catalogues = import.meta.glob<{ messages: Messages }>(["../../app/locales/*.po", "../../features/*/locales/*.po"]);
const loaded = new Set<string>();
let cityNames: Record<string, string> = {};

function path(catalogue: string, locale: Locale): string {
  return catalogue === "app" ? `../../app/locales/${locale}.po` : `../../features/${catalogue}/locales/${locale}.po`;
}

async function load(catalogue: string, locale: Locale): Promise<void> {
  const module = await catalogues[path(catalogue, locale)]?.();
  if (module !== undefined) i18n.load(locale, module.messages);
}

export function isLocale(value: unknown): value is Locale {
  return LOCALES.some((locale) => locale === value);
}

/** The language chosen before, else the browser's. */
export function preferredLocale(): Locale {
  const chosen = stored(KEY);
  if (isLocale(chosen)) return chosen;
  return navigator.languages.some((language) => language.startsWith("hi")) ? "hi" : "en";
}

export function currentLocale(): Locale {
  return isLocale(i18n.locale) ? i18n.locale : "en";
}

/** Loads the messages of a page, `src/features/NAME/locales`, in the language in use. */
export async function loadCatalogue(feature: string): Promise<void> {
  if (loaded.has(feature)) return;
  await load(feature, currentLocale());
  loaded.add(feature);
}

/** Switches to a language, with the messages of all pages that are open or were. */
export async function activate(locale: Locale): Promise<void> {
  loaded.add("app");
  const [names] = await Promise.all([
    locale === "hi" ? import("./cities.hi").then((module) => module.CITY_NAMES) : {},
    ...[...loaded].map((catalogue) => load(catalogue, locale)),
  ]);
  cityNames = names;
  i18n.activate(locale);
  document.documentElement.lang = locale;
}

export async function chooseLocale(locale: Locale): Promise<void> {
  store(KEY, locale);
  await activate(locale);
}

/** The name of a city or state in the language in use; names without a translation stay as the API spells them. */
export function usePlaceName(): (name: string) => string {
  useLingui();
  return (name) => cityNames[name] ?? name;
}
