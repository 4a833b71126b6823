import { setupServer } from "msw/node";

/** Answers what a test declares with `server.use(…)`; any other request fails the test. */
export const server = setupServer();
