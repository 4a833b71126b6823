import type { QueryClient } from "@tanstack/react-query";
import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import { forecastQuery, pollutantsQuery } from "../features/city/queries";
import { overviewQuery } from "../features/overview/queries";
import { loadCatalogue } from "../shared/i18n/i18n";

interface PageRoute {
  path: string;
  Page: LazyExoticComponent<ComponentType>;
  load: () => Promise<unknown>;
}

/** A page and its messages (`src/features/FEATURE/locales`), loaded together when it is first opened. */
function page(path: string, feature: string, load: () => Promise<{ default: ComponentType }>): PageRoute {
  const loadAll = async () => {
    const [module] = await Promise.all([load(), loadCatalogue(feature)]);
    return module;
  };
  return { path, Page: lazy(loadAll), load: loadAll };
}

export const ROUTES = [
  page("/", "overview", () => import("../features/overview/OverviewPage")),
  page("/city/:slug", "city", () => import("../features/city/CityPage")),
  page("/compare", "compare", () => import("../features/compare/ComparePage")),
  page("/record", "record", () => import("../features/record/RecordPage")),
  page("/models", "models", () => import("../features/models/ModelsPage")),
  page("/sources", "sources", () => import("../features/sources/SourcesPage")),
  page("/alerts", "alerts", () => import("../features/alerts/AlertsPage")),
  page("/data", "data", () => import("../features/data/DataPage")),
  page("/about", "about", () => import("../features/about/AboutPage")),
];

/** Starts loading what an address needs while the messages that all pages share are still on their way. */
export function preload(path: string, client: QueryClient): void {
  const [, first] = path.split("/");
  const route = ROUTES.find((candidate) => candidate.path.split("/")[1] === first);
  // What fails here fails again, and is shown, when the page is drawn.
  route?.load().catch(() => undefined);
  if (path === "/") void client.prefetchQuery(overviewQuery);
  const slug = /^\/city\/([a-z-]+)$/.exec(path)?.[1];
  if (slug !== undefined) {
    void client.prefetchQuery(pollutantsQuery(slug));
    void client.prefetchQuery(forecastQuery(slug));
  }
}
