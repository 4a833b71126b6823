import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { chooseLocale, currentLocale, isLocale, LOCALE_NAMES, LOCALES } from "../shared/i18n/i18n";
import { LiveState } from "../shared/live/LiveState";
import { chooseTheme, THEMES, type Theme, useTheme } from "../shared/theme/theme";

const PAGES = [
  { path: "/", name: msg`Overview` },
  { path: "/compare", name: msg`Compare` },
  { path: "/record", name: msg`Record` },
  { path: "/models", name: msg`Models` },
  { path: "/sources", name: msg`Sources` },
  { path: "/alerts", name: msg`Alerts` },
  { path: "/data", name: msg`Data` },
  { path: "/about", name: msg`About` },
];

const THEME_NAMES: Record<Theme, ReturnType<typeof msg>> = {
  system: msg`As the device`,
  light: msg`Light`,
  dark: msg`Dark`,
};

export function Header() {
  const { i18n } = useLingui();
  const [location] = useLocation();
  const [open, setOpen] = useState(false);
  const theme = useTheme();
  return (
    <header className="header">
      <Link href="/" className="brand">
        <img src="/favicon.svg" alt="" width="28" height="28" />
        Vayu
      </Link>
      <LiveState />
      <button type="button" className="menu-button" aria-expanded={open} aria-controls="menu" onClick={() => setOpen(!open)}>
        <Trans>Menu</Trans>
      </button>
      <div id="menu" className="menu" data-open={open}>
        <nav aria-label={i18n._(msg`Pages`)}>
          <ul>
            {PAGES.map(({ path, name }) => (
              <li key={path}>
                <Link href={path} aria-current={location === path ? "page" : undefined} onClick={() => setOpen(false)}>
                  {i18n._(name)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="preferences">
          <label>
            <span className="visually-hidden">
              <Trans>Language</Trans>
            </span>
            <select
              value={currentLocale()}
              onChange={({ target }) => {
                if (isLocale(target.value)) void chooseLocale(target.value);
              }}
            >
              {LOCALES.map((locale) => (
                <option key={locale} value={locale} lang={locale}>
                  {LOCALE_NAMES[locale]}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span className="visually-hidden">
              <Trans>Colours</Trans>
            </span>
            <select
              value={theme}
              onChange={({ target }) => chooseTheme(THEMES.find((candidate) => candidate === target.value) ?? "system")}
            >
              {THEMES.map((candidate) => (
                <option key={candidate} value={candidate}>
                  {i18n._(THEME_NAMES[candidate])}
                </option>
              ))}
            </select>
          </label>
        </div>
      </div>
    </header>
  );
}
