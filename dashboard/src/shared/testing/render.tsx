import { I18nProvider } from "@lingui/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { type RenderResult, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { createQueryClient } from "../api/queryClient";
import { i18n, loadCatalogue } from "../i18n/i18n";

/** Renders a page as the application does, with the messages of `feature`; nothing is retried or polled. */
export async function renderPage(element: ReactNode, feature?: string): Promise<RenderResult> {
  if (feature !== undefined) await loadCatalogue(feature);
  const client = createQueryClient();
  const defaults = client.getDefaultOptions();
  client.setDefaultOptions({ queries: { ...defaults.queries, retry: false, refetchInterval: false } });
  return render(
    <QueryClientProvider client={client}>
      <I18nProvider i18n={i18n}>{element}</I18nProvider>
    </QueryClientProvider>,
  );
}
