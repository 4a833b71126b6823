import { I18nProvider } from "@lingui/react";
import { Trans } from "@lingui/react/macro";
import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Suspense, useEffect, useRef } from "react";
import { Route, Switch, useLocation } from "wouter";
import { i18n } from "../shared/i18n/i18n";
import { ErrorBoundary } from "../shared/state/ErrorBoundary";
import { LoadingState } from "../shared/state/states";
import { Footer } from "./Footer";
import { Header } from "./Header";
import { NotFoundPage } from "./NotFoundPage";
import { ROUTES } from "./routes";
import { UpdateNotice } from "./UpdateNotice";

export function App({ queryClient }: { queryClient: QueryClient }) {
  return (
    <QueryClientProvider client={queryClient}>
      <I18nProvider i18n={i18n}>
        <a className="skip" href="#main">
          <Trans>Skip to the content</Trans>
        </a>
        <Header />
        <UpdateNotice />
        <Main />
        <Footer />
      </I18nProvider>
    </QueryClientProvider>
  );
}

function Main() {
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  const before = useRef(location);
  // A new page is read from its beginning, by screen readers too; the first one is left to the browser.
  useEffect(() => {
    if (before.current === location) return;
    before.current = location;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [location]);
  return (
    <main id="main" ref={main} tabIndex={-1}>
      <ErrorBoundary key={location}>
        <Suspense fallback={<LoadingState />}>
          <Switch>
            {ROUTES.map(({ path, Page }) => (
              <Route key={path} path={path}>
                <Page />
              </Route>
            ))}
            <Route>
              <NotFoundPage />
            </Route>
          </Switch>
        </Suspense>
      </ErrorBoundary>
    </main>
  );
}
