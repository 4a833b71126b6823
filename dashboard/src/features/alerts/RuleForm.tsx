import { Trans } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { currentLocale } from "../../shared/i18n/i18n";
import { Failure } from "./Failure";
import { bodyOf, conditionFaults, emptyForm, faultsOf, type Form, refusedFields } from "./form";
import { PreviewSection } from "./PreviewSection";
import { makeAlert } from "./queries";
import { ConditionFields, DeliveryFields } from "./RuleFields";
import { Secret } from "./Secret";
import { useToken } from "./token";
import type { Alert } from "./types";
import { useRuleForm } from "./useRuleForm";

interface Props {
  /** Slug; empty: none is chosen. */
  city: string;
  onCity: (slug: string) => void;
}

/** A rule is made here, and tried on the record before. */
export function RuleForm({ city, onCity }: Props) {
  const client = useQueryClient();
  const token = useToken();
  const { ref, form, faults, edit, show } = useRuleForm(() => emptyForm(city, currentLocale()));
  const current = { ...form, city };
  const order = useMutation({
    mutationFn: makeAlert,
    onSuccess: () => void client.invalidateQueries({ queryKey: ["own-alerts"] }),
    onError: (error) => show(refusedFields(error)),
  });

  const change = (changes: Partial<Form>) => {
    edit(changes);
    // A secret that is shown stays until the next rule is made.
    if (order.isError) order.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!show(faultsOf(current))) order.mutate(bodyOf(current));
  };
  const parts = { form: current, faults, change };
  return (
    <section className="section" aria-labelledby="new-alert">
      <h2 id="new-alert">
        <Trans>A new alert</Trans>
      </h2>
      <form ref={ref} className="rule-form" noValidate onSubmit={submit}>
        <ConditionFields
          {...parts}
          onCity={(slug) => {
            change({ city: slug });
            onCity(slug);
          }}
        />
        <PreviewSection form={current} check={() => !show(conditionFaults(current))} />
        <DeliveryFields {...parts} />
        {token === null && current.channel !== "email" ? (
          <p className="notice notice-info">
            <Trans>Without a token only e-mail is possible: enter yours below, at “Your alerts”.</Trans>
          </p>
        ) : null}
        <p className="actions">
          <button type="submit" className="button" disabled={order.isPending}>
            <Trans>Make this alert</Trans>
          </button>
        </p>
        {order.error === null ? null : <Failure error={order.error} inForm={Object.keys(refusedFields(order.error)).length > 0} />}
        {order.data === undefined ? null : <Made alert={order.data} />}
      </form>
    </section>
  );
}

/** What became of the request: said once, with the secret that is shown once. */
function Made({ alert }: { alert: Alert }) {
  return (
    <div className="panel" role="status">
      {alert.state === "unconfirmed" ? (
        <p>
          <strong>
            <Trans>Nearly done: press the button in the mail that is on its way.</Trans>
          </strong>{" "}
          <Trans>
            It confirms that the address is yours, and gives you a token by which you can change the alert. If no mail comes, look into the
            folder for spam, and check the address.
          </Trans>
        </p>
      ) : (
        <p>
          <strong>
            <Trans>The alert is made.</Trans>
          </strong>{" "}
          <Trans>It stands below, at “Your alerts”, where you can send a test.</Trans>
        </p>
      )}
      {alert.secret === undefined ? null : <Secret secret={alert.secret} />}
    </div>
  );
}
