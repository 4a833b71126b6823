import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { createQueryClient } from "./shared/api/queryClient";
import { activate, preferredLocale } from "./shared/i18n/i18n";
import { applyTheme, preferredTheme } from "./shared/theme/theme";
import "./shared/styles/tokens.css";
import "./shared/styles/base.css";

applyTheme(preferredTheme());
await activate(preferredLocale());
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App queryClient={createQueryClient()} />
  </StrictMode>,
);
