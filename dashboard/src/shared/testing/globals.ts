import { webcrypto } from "node:crypto";
import * as streams from "node:stream/web";

// What browsers have, jsdom does not, and a realm of its own does not take from Node.js.
Object.assign(globalThis, streams);
Object.defineProperty(globalThis, "crypto", { value: webcrypto });
