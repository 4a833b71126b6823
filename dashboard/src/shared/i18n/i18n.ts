import { i18n, type Messages } from "@lingui/core";
import { useLingui } from "@lingui/react";
import { store, stored } from "../storage";

export { i18n };

export const LOCALES = ["en", "hi"] as const;
export type Locale = (typeof LOCALES)[number];
export const LOCALE_NAMES: Record<Locale, string> = { en: "English", hi: "हिन्दी" };

const KEY = "vayu.locale";

const catalogues = import.meta.glob<{ messages: Messages }>(["../../app/locales/*.po", "../../features/*/locales/*.po"]);
/** Catalogues of the pages that are open, or were. */
const catalogueLoads = new Map<string, Promise<void>>();
/** The language that is in use, or about to be. */
let target: Locale = "en";
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

/** Loads the messages of a page, `src/features/NAME/locales`, in the language in use, or about to be. */
export function loadCatalogue(feature: string): Promise<void> {
  let loading = catalogueLoads.get(feature);
  if (loading === undefined) {
    loading = load(feature, target);
    catalogueLoads.set(feature, loading);
    // What failed is tried again when it is next needed.
    loading.catch(() => catalogueLoads.delete(feature));
  }
  return loading;
}

/** Switches to a language, with the messages of all pages that are open or were. */
export async function activate(locale: Locale): Promise<void> {
  target = locale;
  const [names] = await Promise.all([
    locale === "hi" ? import("./cities.hi").then((module) => module.CITY_NAMES) : {},
    load("app", locale),
    ...[...catalogueLoads.keys()].map((catalogue) => load(catalogue, locale)),
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

/** The same from a city's part of an address, for as long as nothing has been loaded that names it. */
export function useNameOfSlug(): (slug: string) => string {
  useLingui();
  return (slug) => {
    const translated = Object.entries(cityNames).find(([name]) => name.toLowerCase().replaceAll(" ", "-") === slug);
    return translated?.[1] ?? slug.replaceAll("-", " ").replace(/\b\w/g, (letter) => letter.toUpperCase());
  };
}
