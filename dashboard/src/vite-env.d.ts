/// <reference types="vite/client" />

declare module "*.po" {
  import type { Messages } from "@lingui/core";
  export const messages: Messages;
}

declare module "@svg-maps/india" {
  const map: { viewBox: string; locations: { id: string; name: string; path: string }[] };
  export default map;
}
