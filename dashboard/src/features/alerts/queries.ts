import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, read } from "../../shared/api/client";
import { ApiError } from "../../shared/api/errors";
import { parseFeed, type PublicMessage } from "./feed";
import { currentToken, ownerNumber } from "./token";
import type { Alert, AlertBody, AlertChange, Delivery, Preview, PreviewBody } from "./types";

const HOUR = 3_600_000;
/** Whose they are is nobody else's business: such answers are not stored on the device. */
const OWN = { stored: false, changes: { kinds: ["alert"] } } as const;

function authorized(): Record<string, string> {
  const token = currentToken();
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

export const ownAlertsQuery = () =>
  queryOptions({
    queryKey: ["own-alerts", ownerNumber()],
    queryFn: ({ signal }) => read(api.GET("/alerts", { headers: authorized(), signal })),
    meta: OWN,
  });

export const deliveriesQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["own-alerts", ownerNumber(), "deliveries", id],
    queryFn: ({ signal, pageParam }) =>
      read(
        api.GET("/alerts/{id}/deliveries", {
          params: { path: { id }, query: pageParam === null ? {} : { cursor: pageParam } },
          headers: authorized(),
          signal,
        }),
      ),
    initialPageParam: initialCursor(),
    getNextPageParam: (page) => page.next,
    // One that is on its way is looked at again soon.
    refetchInterval: ({ state }) => (state.data?.pages[0]?.deliveries.some(isOnItsWay) === true ? 3000 : 60_000),
    meta: OWN,
  });

export const scoreQuery = (id: string) =>
  queryOptions({
    queryKey: ["own-alerts", ownerNumber(), "score", id],
    queryFn: ({ signal }) => read(api.GET("/alerts/{id}/score", { params: { path: { id } }, headers: authorized(), signal })),
    // Alerts are judged some times a day.
    refetchInterval: HOUR,
    meta: OWN,
  });

function initialCursor(): string | null {
  return null;
}

export function isOnItsWay({ status }: Delivery): boolean {
  return status === "pending";
}

export const scoresQuery = queryOptions({
  queryKey: ["alert-scores"],
  queryFn: ({ signal }) => read(api.GET("/alerts/scores", { signal })),
  refetchInterval: HOUR,
  meta: { changes: { kinds: ["alert"] } },
});

export const feedPath = (language: string) => `/api/v1/alerts/feed.atom?language=${language}`;

export const feedQuery = (language: string) =>
  queryOptions({
    queryKey: ["alert-feed", language],
    queryFn: ({ signal }) => readFeed(language, signal),
    placeholderData: keepPreviousData,
    meta: { changes: { kinds: ["alert"] } },
  });

async function readFeed(language: string, signal: AbortSignal): Promise<PublicMessage[]> {
  let response: Response;
  try {
    response = await fetch(new URL(feedPath(language), window.location.origin), { cache: "no-cache", signal });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw ApiError.fromNetwork(cause);
  }
  if (!response.ok) throw ApiError.fromAnswer(response, await response.json().catch(() => null));
  return parseFeed(await response.text());
}

export function makeAlert(body: AlertBody): Promise<Alert> {
  return read(api.POST("/alerts", { body, headers: authorized() }));
}

export function changeAlert(id: string, body: AlertChange): Promise<Alert> {
  return read(api.PATCH("/alerts/{id}", { params: { path: { id } }, body, headers: authorized() }));
}

export function testAlert(id: string): Promise<Delivery> {
  return read(api.POST("/alerts/{id}/test", { params: { path: { id } }, headers: authorized() }));
}

export function sendAgain(id: string, delivery: string): Promise<Delivery> {
  return read(api.POST("/alerts/{id}/replay/{delivery}", { params: { path: { id, delivery } }, headers: authorized() }));
}

export function previewAlert(body: PreviewBody): Promise<Preview> {
  return read(api.POST("/alerts/preview", { body }));
}

/** Its answer has no body. */
export async function deleteAlert(id: string): Promise<void> {
  let answer: { response: Response; error?: unknown };
  try {
    answer = await api.DELETE("/alerts/{id}", { params: { path: { id } }, headers: authorized() });
  } catch (cause) {
    throw ApiError.fromNetwork(cause);
  }
  if (!answer.response.ok) throw ApiError.fromAnswer(answer.response, answer.error);
}
