import { Trans } from "@lingui/react/macro";
import type { EndpointCounts, Metrics } from "../../shared/api/schema";
import { type Column, DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { Fact } from "./ServiceHealth";

/** How the service answers, as its workers have counted. */
export function Traffic({ metrics }: { metrics: Metrics }) {
  const format = useFormat();
  const { requests, workers, cache } = metrics;
  const columns: Column<EndpointCounts>[] = [
    { key: "path", title: <Trans>Endpoint</Trans>, cell: (row) => (row.path === "" ? <Trans>other addresses</Trans> : <code>{`${row.method} ${row.path}`}</code>) },
    { key: "requests", title: <Trans>Requests</Trans>, numeric: true, cell: (row) => format.number(row.requests) },
    { key: "errors", title: <Trans>Errors</Trans>, numeric: true, cell: (row) => format.number(row.errors) },
    { key: "p50", title: <Trans>Median, ms</Trans>, numeric: true, cell: (row) => format.number(row.response_ms.p50, 1) },
    { key: "p95", title: <Trans>95th percentile, ms</Trans>, numeric: true, cell: (row) => format.number(row.response_ms.p95, 1) },
  ];
  return (
    <div className="panel">
      <dl className="facts">
        <Fact name={<Trans>Requests per second, last minute</Trans>}>{format.number(requests.per_second, 2)}</Fact>
        <Fact name={<Trans>Share of server errors, last minute</Trans>}>{format.percent(requests.error_rate, 2)}</Fact>
        <Fact name={<Trans>Requests since the start</Trans>}>{format.number(requests.total)}</Fact>
        {requests.response_ms === null ? null : (
          <Fact name={<Trans>Response time, median / 95th percentile</Trans>}>
            {format.number(requests.response_ms.p50, 1)} / {format.number(requests.response_ms.p95, 1)} ms
          </Fact>
        )}
        {cache.hit_rate === null ? null : <Fact name={<Trans>Answers from the cache</Trans>}>{format.percent(cache.hit_rate, 1)}</Fact>}
        <Fact name={<Trans>Worker processes</Trans>}>{format.number(workers.number)}</Fact>
        <Fact name={<Trans>Memory of all workers</Trans>}>{format.number(workers.memory_mb)} MB</Fact>
        {metrics.database ? <Fact name={<Trans>Database connections</Trans>}>{format.number(metrics.database.connections)}</Fact> : null}
      </dl>
      {requests.by_endpoint.length === 0 ? null : (
        <details>
          <summary>
            <Trans>By endpoint</Trans>
          </summary>
          <DataTable
            caption={<Trans>Requests since the start, by endpoint; percentiles to the upper bound of their class</Trans>}
            columns={columns}
            rows={requests.by_endpoint}
            rowKey={(row) => `${row.method} ${row.path}`}
          />
        </details>
      )}
    </div>
  );
}
