/**
 * The service worker: the page itself without a network. It keeps the files of one build, each by its hash, and answers for nothing
 * else; what the API says is kept by the page (shared/api/stored.ts), which knows how old it is.
 */
import { ExpirationPlugin } from "workbox-expiration";
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute, type PrecacheEntry } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { CacheFirst } from "workbox-strategies";

// Written here by build/serviceWorker.ts.
declare const FILES: PrecacheEntry[];
declare const self: {
  skipWaiting: () => Promise<void>;
  addEventListener: (type: "message", listener: (event: { data: unknown }) => void) => void;
};

precacheAndRoute(FILES);
cleanupOutdatedCaches();

// Every address of a page is index.html. The API, its documentation and files are the server's.
registerRoute(new NavigationRoute(createHandlerBoundToURL("/index.html"), { denylist: [/^\/(api|docs|openapi\.json)(\/|$)/, /\/[^/]+\.[^/]+$/] }));

// Large files that few readers need, such as WebAssembly: kept from their first use on. Their names change with their content.
// An object: the type of the plugin declares methods as undefined that are absent.
const bounded: object = new ExpirationPlugin({ maxEntries: 6, purgeOnQuotaError: true });
registerRoute(
  ({ url, sameOrigin }) => sameOrigin && url.pathname.startsWith("/assets/"),
  new CacheFirst({ cacheName: "vayu-large", plugins: [bounded] }),
);

// A new version waits until the reader wants it, or until the next visit: see app/update.ts.
self.addEventListener("message", ({ data }) => {
  if (typeof data === "object" && data !== null && "type" in data && data.type === "SKIP_WAITING") void self.skipWaiting();
});
