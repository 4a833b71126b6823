import { Trans, useLingui } from "@lingui/react/macro";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { usePlaceName } from "../../shared/i18n/i18n";
import { Failure } from "./Failure";
import { changesOf, conditionFaults, faultsOf, type Form, formOf, hasOtherCondition, refusedFields } from "./form";
import { PreviewSection } from "./PreviewSection";
import { changeAlert } from "./queries";
import { ConditionFields, DeliveryFields } from "./RuleFields";
import type { Alert, AlertChange } from "./types";
import { useRuleForm } from "./useRuleForm";

interface Props {
  id: string;
  alert: Alert;
  /** With the alert as it is now; where a webhook goes elsewhere, with its new secret. */
  onSaved: (alert: Alert) => void;
  onClose: () => void;
}

/** An alert that exists gets another condition, address or time: all but its city. */
export function ChangeForm({ id, alert, onSaved, onClose }: Props) {
  const { t } = useLingui();
  const placeName = usePlaceName();
  const client = useQueryClient();
  // As it was when the form was opened: what is sent is what the reader changed, not what came meanwhile.
  const [before] = useState(() => formOf(alert));
  const { ref, form, faults, edit, show } = useRuleForm(() => before);
  const order = useMutation({
    mutationFn: (changes: AlertChange) => changeAlert(alert.id, changes),
    onSuccess: async (changed) => {
      onSaved(changed);
      await client.invalidateQueries({ queryKey: ["own-alerts"] });
    },
    onError: (error) => show(refusedFields(error)),
  });
  const change = (changes: Partial<Form>) => {
    edit(changes);
    if (order.isError) order.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (show(faultsOf(form, before.channel))) return;
    const changes = changesOf(before, form);
    if (Object.keys(changes).length === 0) onClose();
    else order.mutate(changes);
  };
  const parts = { form, faults, change };
  const city = placeName(alert.city);
  return (
    <form id={id} ref={ref} className="rule-form" aria-label={t`Change the alert for ${city}`} noValidate onSubmit={submit}>
      <ConditionFields {...parts} />
      {hasOtherCondition(before, form) ? (
        <p className="notice notice-info">
          <Trans>With another condition the alert begins anew: what is in force by the present one ends without a message.</Trans>
        </p>
      ) : null}
      <PreviewSection form={form} check={() => !show(conditionFaults(form))} />
      <DeliveryFields {...parts} stays={form.channel === before.channel ? alert.to.address : undefined} />
      <p className="actions">
        <button type="submit" className="button" disabled={order.isPending}>
          <Trans>Save the changes</Trans>
        </button>
        <button type="button" disabled={order.isPending} onClick={onClose}>
          <Trans>Leave it as it is</Trans>
        </button>
      </p>
      {order.error === null ? null : <Failure error={order.error} inForm={Object.keys(refusedFields(order.error)).length > 0} />}
    </form>
  );
}
