import "fake-indexeddb/auto";
import { QueryClient, queryOptions } from "@tanstack/react-query";
import { clear, entries, set } from "idb-keyval";
import { afterEach, expect, test, vi } from "vitest";
import { answerStore, keepAnswers, restoreAnswers } from "./stored";

const store = answerStore();
if (store === null) throw new Error("no IndexedDB");

afterEach(async () => clear(store));

const keys = async () => (await entries<string, string>(store)).map(([key]) => key).sort();

function query(name: string, data: unknown, meta = {}) {
  return queryOptions({ queryKey: [name], queryFn: () => Promise.resolve(data), meta });
}

/** A visit: fetches the answers and ends. */
async function visit(...queries: ReturnType<typeof query>[]) {
  const client = new QueryClient();
  const end = keepAnswers(client, store);
  for (const options of queries) await client.fetchQuery(options);
  await vi.waitFor(async () => expect(await keys()).toEqual(expect.arrayContaining(queries.filter((o) => o.meta?.["stored"] !== false).slice(-1).map((o) => JSON.stringify(o.queryKey)))));
  end();
}

test("an answer of a former visit is there at once, with the time at which it came", async () => {
  await visit(query("forecast", { aqi: 311 }));
  const client = new QueryClient();
  const before = Date.now();
  await restoreAnswers(client, store);
  expect(client.getQueryData(["forecast"])).toEqual({ aqi: 311 });
  const updatedAt = client.getQueryState(["forecast"])?.dataUpdatedAt ?? Infinity;
  expect(updatedAt).toBeLessThanOrEqual(before);
  expect(updatedAt).toBeGreaterThan(before - 60_000);
});

test("what has come meanwhile is not replaced by what is older", async () => {
  await visit(query("forecast", { aqi: 311 }));
  const client = new QueryClient();
  client.setQueryData(["forecast"], { aqi: 90 });
  await restoreAnswers(client, store);
  expect(client.getQueryData(["forecast"])).toEqual({ aqi: 90 });
});

test("answers older than a week are not shown", async () => {
  const old = { key: ["forecast"], data: { aqi: 311 }, updatedAt: Date.now() - 8 * 24 * 3_600_000 };
  await set('["forecast"]', JSON.stringify(old), store);
  const client = new QueryClient();
  await restoreAnswers(client, store);
  expect(client.getQueryData(["forecast"])).toBeUndefined();
});

test("the store is bounded: forty answers, the newest, and none that is huge or not wanted", async () => {
  await visit(query("huge", "x".repeat(400_001)), query("preview", 1, { stored: false }), query("last", 1));
  expect(await keys()).toEqual(['["last"]']);
  for (let hour = 0; hour < 45; hour++) {
    const answer = { key: [`old${hour}`], data: hour, updatedAt: Date.now() - (hour + 1) * 3_600_000 };
    await set(JSON.stringify(answer.key), JSON.stringify(answer), store);
  }
  await visit(query("newest", 1));
  await vi.waitFor(async () => expect(await keys()).toHaveLength(40));
  const names = await keys();
  expect(names).toEqual(expect.arrayContaining(['["newest"]', '["last"]', '["old0"]']));
  expect(names).not.toContain('["old44"]');
});

test("a store that holds nonsense costs nothing but its answers", async () => {
  await set("broken", "{", store);
  const client = new QueryClient();
  await expect(restoreAnswers(client, store)).resolves.toBeUndefined();
});

test("a browser without such a store works", async () => {
  const client = new QueryClient();
  await restoreAnswers(client, null);
  keepAnswers(client, null)();
  expect(client.getQueryCache().getAll()).toEqual([]);
});
