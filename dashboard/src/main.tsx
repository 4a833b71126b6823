import { StrictMode } from "react";
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

applyTheme(preferredTheme());
const queryClient = createQueryClient();
const store = answerStore();
keepAnswers(queryClient, store);
preload(window.location.pathname, queryClient);
await Promise.all([activate(preferredLocale()), restoreAnswers(queryClient, store)]);
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App queryClient={queryClient} />
  </StrictMode>,
);
// Not in development: a worker would keep files that change.
if (import.meta.env.PROD) void registerWorker();
