import { msg } from "@lingui/core/macro";
import { useLingui as useI18n } from "@lingui/react";
import { useLingui } from "@lingui/react/macro";
import { useFormat } from "../../shared/format/format";
import type { Fault } from "./form";
import type { Alert, AlertWhen, Channel, Delivery } from "./types";

export const CHANNEL_NAMES: Record<Channel, ReturnType<typeof msg>> = {
  email: msg`E-mail`,
  webhook: msg`Webhook`,
  slack: msg`Slack or a compatible chat`,
  sms: msg`SMS`,
};

const PHASES: Record<Alert["phase"], ReturnType<typeof msg>> = {
  clear: msg`quiet`,
  pending: msg`about to begin: the condition holds, but not for long enough`,
  firing: msg`in force`,
  clearing: msg`about to end`,
};

const STATUSES: Record<Delivery["status"], ReturnType<typeof msg>> = {
  held: msg`held until the quiet hours end`,
  pending: msg`on its way`,
  delivered: msg`delivered`,
  failed: msg`failed`,
  skipped: msg`not sent`,
};

const DELIVERY_KINDS: Record<Delivery["kind"], ReturnType<typeof msg>> = {
  firing: msg`begins`,
  repeat: msg`goes on`,
  clear: msg`is over`,
  test: msg`test`,
  confirm: msg`confirmation of the address`,
  disabled: msg`notice that it was switched off`,
};

export function useAlertWords() {
  const { i18n } = useI18n();
  return {
    channel: (channel: Channel) => i18n._(CHANNEL_NAMES[channel]),
    phase: (phase: Alert["phase"]) => i18n._(PHASES[phase]),
    status: (status: Delivery["status"]) => i18n._(STATUSES[status]),
    kind: (kind: Delivery["kind"]) => i18n._(DELIVERY_KINDS[kind]),
  };
}

/** A condition as a sentence without its full stop. */
export function useConditionText(): (when: Pick<AlertWhen, "on" | "target" | "above" | "within_hours" | "probability" | "dwell">) => string {
  const { t } = useLingui();
  const format = useFormat();
  return ({ on, target, above, within_hours, probability, dwell }) => {
    const value = format.number(above, Number.isInteger(above) ? 0 : 1);
    const level = target === "aqi" ? t`an index of ${value}` : t`PM2.5 of ${value} µg/m³`;
    if (on === "measured") return t`${level} or more is measured, for ${dwell} h in a row`;
    const share = format.percent(probability ?? 0.5);
    const hours = within_hours ?? 24;
    return t`more than ${level} is forecast within ${hours} h, with a chance of ${share} or more`;
  };
}

/** What is wrong with a field, and what would be right. */
export function useFaultText(): (fault: Fault) => string {
  const { t } = useLingui();
  const format = useFormat();
  return (fault) => {
    switch (fault.kind) {
      case "missing":
        return t`This is needed.`;
      case "range":
        return t`A number from ${format.number(fault.least, Number.isInteger(fault.least) ? 0 : 1)} to ${format.number(fault.most)}.`;
      case "whole":
        return t`A whole number from ${format.number(fault.least)} to ${format.number(fault.most)}.`;
      case "above-clear":
        return t`Not higher than the value from which it begins, ${format.number(fault.above)}.`;
      case "email":
        return t`An e-mail address, such as name@example.org.`;
      case "https":
        return t`An address that begins with https://.`;
      case "phone":
        return t`A number with its country code, such as +919812345678.`;
      case "same-time":
        return t`Another time than that at which they begin.`;
      case "refused":
        return t`The service takes: ${fault.allowed}`;
    }
  };
}
