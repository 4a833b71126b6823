import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import { loadCatalogue } from "../shared/i18n/i18n";

type Page = LazyExoticComponent<ComponentType>;

/** A page and its messages, loaded together when it is first opened. */
function page(feature: string, load: () => Promise<{ default: ComponentType }>): Page {
  return lazy(async () => {
    const [module] = await Promise.all([load(), loadCatalogue(feature)]);
    return module;
  });
}

export const ROUTES: { path: string; Page: Page }[] = [
  { path: "/", Page: page("overview", () => import("../features/overview/OverviewPage")) },
  { path: "/city/:slug", Page: page("city", () => import("../features/city/CityPage")) },
  { path: "/compare", Page: page("compare", () => import("../features/compare/ComparePage")) },
  { path: "/record", Page: page("record", () => import("../features/record/RecordPage")) },
  { path: "/models", Page: page("models", () => import("../features/models/ModelsPage")) },
  { path: "/sources", Page: page("sources", () => import("../features/sources/SourcesPage")) },
  { path: "/data", Page: page("data", () => import("../features/data/DataPage")) },
  { path: "/about", Page: page("about", () => import("../features/about/AboutPage")) },
];
