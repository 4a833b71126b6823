import createClient, { type Client } from "openapi-fetch";
import { ApiError } from "./errors";
import type { paths } from "./schema";

/**
 * A client of the API on this origin. `no-cache` makes the browser ask with If-None-Match at each poll: an unchanged answer is a
 * 304 of 200 bytes, and no answer is kept longer than the page wants it.
 */
export function createApi<P extends object>(): Client<P> {
  return createClient<P>({
    baseUrl: new URL("/api/v1", window.location.origin).href,
    cache: "no-cache",
    querySerializer: { array: { style: "form", explode: false } },
    // Looked up at each call, so that tests can put their own in its place.
    fetch: (request) => globalThis.fetch(request),
  });
}

export const api = createApi<paths>();

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The body of a successful answer in JSON; everything else throws an {@link ApiError} that says what to show. The other forms of
 * an answer, such as CSV, are for links.
 */
export async function read<T>(call: Promise<Answer<T>>): Promise<Exclude<T, string>> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw ApiError.fromNetwork(cause);
  }
  if (answer.response.ok && isJson(answer.data)) return answer.data;
  throw ApiError.fromAnswer(answer.response, answer.error);
}

function isJson<T>(data: T | undefined): data is Exclude<T, string> {
  return data !== undefined && typeof data !== "string";
}
