/** The packages that this page is made of, with their licences; a test compares them with package.json and with what is installed. */
export const PACKAGES: { name: string; licence: string }[] = [
  { name: "@lingui/core", licence: "MIT" },
  { name: "@lingui/react", licence: "MIT" },
  { name: "@tanstack/react-query", licence: "MIT" },
  { name: "d3-scale", licence: "ISC" },
  { name: "d3-shape", licence: "ISC" },
  { name: "idb-keyval", licence: "Apache-2.0" },
  { name: "openapi-fetch", licence: "MIT" },
  { name: "react", licence: "MIT" },
  { name: "react-dom", licence: "MIT" },
  { name: "uplot", licence: "MIT" },
  { name: "workbox-expiration", licence: "MIT" },
  { name: "workbox-precaching", licence: "MIT" },
  { name: "workbox-routing", licence: "MIT" },
  { name: "workbox-strategies", licence: "MIT" },
  { name: "workbox-window", licence: "MIT" },
  { name: "wouter", licence: "Unlicense" },
];
