import { StrictMode, startTransition } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { preload } from "./app/routes";
import { registerWorker } from "./app/update";
import { createQueryClient } from "./shared/api/queryClient";
import { answerStore, keepAnswers, restoreAnswers } from "./shared/api/stored";
import { activate, preferredLocale } from "./shared/i18n/i18n";
import { applyTheme, preferredTheme } from "./shared/theme/theme";
import "./shared/styles/tokens.css";
import "./shared/styles/base.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
applyTheme(preferredTheme());
const queryClient = createQueryClient();
const store = answerStore();
keepAnswers(queryClient, store);
const language = activate(preferredLocale());
preload(window.location.pathname, queryClient);
try {
  await Promise.all([language, restoreAnswers(queryClient, store)]);
} catch (error) {
  // Without its messages no other page can say so.
  root.textContent = "The page could not be loaded completely. Please reload it. · पृष्ठ पूरा लोड नहीं हो सका। कृपया फिर से लोड करें।";
  throw error;
}
const page = createRoot(root);
// As a transition it is drawn in small steps, between which the browser answers.
startTransition(() =>
  page.render(
    <StrictMode>
      <App queryClient={queryClient} />
    </StrictMode>,
  ),
);
// After the first sight: what it brings is the next one.
void import("./shared/live/start").then(({ startLive }) => startLive(queryClient)).catch(() => undefined);
// Not in development: a worker would keep files that change.
if (import.meta.env.PROD) void registerWorker();
