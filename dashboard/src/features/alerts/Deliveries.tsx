import { Trans } from "@lingui/react/macro";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { DataTable } from "../../shared/chart/DataTable";
import { useFormat } from "../../shared/format/format";
import { ErrorState } from "../../shared/state/ErrorState";
import { EmptyState, LoadingState } from "../../shared/state/states";
import { Failure } from "./Failure";
import { deliveriesQuery, sendAgain } from "./queries";
import type { Alert, Delivery } from "./types";
import { useAlertWords } from "./words";

/** Every message of an alert, and what became of it. */
export function Deliveries({ alert }: { alert: Alert }) {
  const format = useFormat();
  const words = useAlertWords();
  const client = useQueryClient();
  const query = useInfiniteQuery(deliveriesQuery(alert.id));
  const again = useMutation({
    mutationFn: (delivery: string) => sendAgain(alert.id, delivery),
    onSuccess: () => client.invalidateQueries({ queryKey: deliveriesQuery(alert.id).queryKey }),
  });
  if (query.data === undefined) {
    return query.error === null ? <LoadingState /> : <ErrorState error={query.error} since={query.errorUpdatedAt} retry={() => void query.refetch()} />;
  }
  const deliveries = query.data.pages.flatMap((page) => page.deliveries);
  if (deliveries.length === 0) {
    return (
      <EmptyState title={<Trans>Nothing has been sent yet</Trans>}>
        <Trans>A test goes the same way as an alert.</Trans>
      </EmptyState>
    );
  }
  return (
    <>
      <DataTable
        caption={<Trans>Messages, newest first; they are listed for 90 days</Trans>}
        rows={deliveries}
        rowKey={(delivery) => delivery.id}
        columns={[
          { key: "time", title: <Trans>Made</Trans>, cell: (delivery) => format.moment(delivery.created_at) },
          { key: "kind", title: <Trans>Message</Trans>, cell: (delivery) => words.kind(delivery.kind) },
          { key: "status", title: <Trans>State</Trans>, cell: (delivery) => <Status delivery={delivery} /> },
          { key: "attempts", title: <Trans>Attempts</Trans>, numeric: true, cell: (delivery) => format.number(delivery.attempts) },
          { key: "answer", title: <Trans>Answer</Trans>, numeric: true, cell: (delivery) => delivery.response_status ?? "–" },
          {
            key: "again",
            title: <Trans>Again</Trans>,
            cell: (delivery) =>
              isOver(delivery) && alert.state === "active" && delivery.kind !== "confirm" ? (
                <button type="button" disabled={again.isPending} onClick={() => again.mutate(delivery.id)}>
                  <Trans>Send again</Trans>
                </button>
              ) : (
                "–"
              ),
          },
        ]}
      />
      {again.error === null ? null : <Failure error={again.error} />}
      {query.hasNextPage ? (
        <p>
          <button type="button" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            <Trans>Show older messages</Trans>
          </button>
        </p>
      ) : null}
    </>
  );
}

function isOver({ status }: Delivery): boolean {
  return status === "delivered" || status === "failed";
}

function Status({ delivery }: { delivery: Delivery }) {
  const format = useFormat();
  const words = useAlertWords();
  const next = delivery.next_attempt_at === null ? null : format.moment(delivery.next_attempt_at);
  return (
    <>
      {words.status(delivery.status)}
      {delivery.error === null ? null : (
        <>
          : <span lang="en">{delivery.error}</span>
        </>
      )}
      {next === null || delivery.status === "delivered" || delivery.status === "failed" ? null : (
        <>
          {" "}
          <Trans>(next attempt {next})</Trans>
        </>
      )}
    </>
  );
}
