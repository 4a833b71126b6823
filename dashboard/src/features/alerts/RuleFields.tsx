import { Trans, useLingui } from "@lingui/react/macro";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { citiesQuery } from "../../shared/api/cities";
import { useFormat } from "../../shared/format/format";
import { LOCALE_NAMES, useNameOfSlug, usePlaceName } from "../../shared/i18n/i18n";
import { Field } from "./Field";
import { ABOVE, CHANNELS, clearBelowOf, type Faults, type Field as FieldName, type Form, MOST, REPEATS } from "./form";
import { useAlertWords } from "./words";

interface PartProps {
  form: Form;
  faults: Faults;
  change: (changes: Partial<Form>) => void;
}

/** The condition; without `onCity` its city stays what it is. */
export function ConditionFields({ form, faults, change, onCity }: PartProps & { onCity?: (slug: string) => void }) {
  const { t } = useLingui();
  const format = useFormat();
  const forecast = form.on === "forecast";
  const unit = form.target === "aqi" ? t`NAQI, no unit` : "µg/m³";
  const clearHint = format.number(clearBelowOf({ ...form, clearBelow: "" }));
  return (
    <fieldset className="fields">
      <legend>
        <Trans>When</Trans>
      </legend>
      {onCity === undefined ? null : <CityField {...{ form, faults, onCity }} />}
      <Field label={<Trans>Alert on</Trans>} fault={faults.on}>
        <select value={form.on} onChange={({ target }) => change({ on: target.value === "measured" ? "measured" : "forecast" })}>
          <option value="forecast">{t`a forecast`}</option>
          <option value="measured">{t`measurements`}</option>
        </select>
      </Field>
      <Field label={<Trans>Of</Trans>} fault={faults.target}>
        <select
          value={form.target}
          onChange={({ target }) => {
            const chosen = target.value === "pm25" ? "pm25" : "aqi";
            change({ target: chosen, above: ABOVE[chosen], clearBelow: "" });
          }}
        >
          <option value="aqi">{t`Index (NAQI)`}</option>
          <option value="pm25">PM2.5</option>
        </select>
      </Field>
      <NumberField
        label={forecast ? <Trans>Above ({unit})</Trans> : <Trans>From ({unit})</Trans>}
        hint={form.target === "aqi" ? <Trans>Above 200 air is poor, above 300 very poor, above 400 severe.</Trans> : <Trans>Above 60 air is moderate, above 90 poor, above 120 very poor.</Trans>}
        name="above"
        max={MOST[form.target]}
        {...{ form, faults, change }}
      />
      <NumberField
        label={<Trans>Over again below ({unit})</Trans>}
        hint={<Trans>A value that swings around the threshold is then one alert. Empty: {clearHint}.</Trans>}
        name="clearBelow"
        placeholder={String(clearBelowOf({ ...form, clearBelow: "" }))}
        max={MOST[form.target]}
        {...{ form, faults, change }}
      />
      {forecast ? (
        <>
          <NumberField label={<Trans>Within (hours)</Trans>} name="withinHours" max={48} {...{ form, faults, change }} />
          <NumberField
            label={<Trans>With a chance of at least (%)</Trans>}
            hint={<Trans>Lower: earlier and more often, also for nothing.</Trans>}
            name="probability"
            max={100}
            {...{ form, faults, change }}
          />
        </>
      ) : null}
      <NumberField
        label={forecast ? <Trans>Forecasts that must agree</Trans> : <Trans>For so many hours in a row</Trans>}
        hint={forecast ? <Trans>Of so many and one more: with 2, two of three.</Trans> : <Trans>A single hour may be a fault of one station.</Trans>}
        name="dwell"
        max={24}
        {...{ form, faults, change }}
      />
    </fieldset>
  );
}

function CityField({ form, faults, onCity }: Pick<PartProps, "form" | "faults"> & { onCity: (slug: string) => void }) {
  const { t } = useLingui();
  const format = useFormat();
  const placeName = usePlaceName();
  const nameOfSlug = useNameOfSlug();
  const cities = (useQuery(citiesQuery).data?.cities ?? [])
    .map(({ slug, name }) => ({ slug, name: placeName(name) }))
    .toSorted((a, b) => format.compare(a.name, b.name));
  return (
    <Field label={<Trans>City</Trans>} fault={faults.city}>
      <select value={form.city} onChange={({ target }) => onCity(target.value)}>
        <option value="">{t`Choose …`}</option>
        {form.city === "" || cities.some(({ slug }) => slug === form.city) ? null : <option value={form.city}>{nameOfSlug(form.city)}</option>}
        {cities.map(({ slug, name }) => (
          <option key={slug} value={slug}>
            {name}
          </option>
        ))}
      </select>
    </Field>
  );
}

interface DeliveryProps extends PartProps {
  /** The address that stays where none is entered, as the service shows it. */
  stays?: string | undefined;
}

export function DeliveryFields({ form, faults, change, stays }: DeliveryProps) {
  const { t } = useLingui();
  const words = useAlertWords();
  return (
    <>
      <fieldset className="fields">
        <legend>
          <Trans>To whom</Trans>
        </legend>
        <Field label={<Trans>By</Trans>} fault={faults.channel}>
          <select
            value={form.channel}
            onChange={({ target }) => change({ channel: CHANNELS.find((each) => each === target.value) ?? "email", address: "" })}
          >
            {CHANNELS.map((channel) => (
              <option key={channel} value={channel}>
                {words.channel(channel)}
              </option>
            ))}
          </select>
        </Field>
        <Address {...{ form, faults, change, stays }} />
        <Field label={<Trans>In</Trans>} fault={faults.language}>
          <select value={form.language} onChange={({ target }) => change({ language: target.value === "hi" ? "hi" : "en" })}>
            <option value="en">{LOCALE_NAMES.en}</option>
            <option value="hi">{LOCALE_NAMES.hi}</option>
          </select>
        </Field>
        <Field label={<Trans>While it lasts, again</Trans>} fault={faults.repeat}>
          <select value={form.repeat} onChange={({ target }) => change({ repeat: target.value })}>
            {repeatsWith(form.repeat).map((hours) => (
              <option key={hours} value={hours}>
                {hours === "" ? t`never` : t`every ${hours} h`}
              </option>
            ))}
          </select>
        </Field>
      </fieldset>
      <QuietFields {...{ form, faults, change }} />
    </>
  );
}

/** What may be chosen; an alert that was made in another way may have another number. */
function repeatsWith(chosen: string): string[] {
  return [...new Set([...REPEATS, chosen])].toSorted((a, b) => Number(a) - Number(b));
}

function Address({ form, faults, change, stays }: DeliveryProps) {
  const value = form.address;
  const onChange = ({ target }: { target: HTMLInputElement }) => change({ address: target.value });
  // What the browser fills in by itself is no wish to change it.
  const complete = (kind: string) => (stays === undefined ? kind : "off");
  const keep = stays === undefined ? null : <Keep address={stays} />;
  switch (form.channel) {
    case "email":
      return (
        <Field
          label={<Trans>E-mail address</Trans>}
          hint={
            <>
              {keep} <Trans>It gets a mail first, whose button must be pressed.</Trans>
            </>
          }
          fault={faults.address}
        >
          <input type="email" autoComplete={complete("email")} {...{ value, onChange }} />
        </Field>
      );
    case "sms":
      return (
        <Field
          label={<Trans>Telephone number</Trans>}
          hint={
            <>
              {keep} <Trans>With its country code, such as +919812345678.</Trans>
            </>
          }
          fault={faults.address}
        >
          <input type="tel" autoComplete={complete("tel")} {...{ value, onChange }} />
        </Field>
      );
    case "webhook":
    case "slack":
      return (
        <Field
          label={<Trans>Address of the webhook</Trans>}
          hint={
            <>
              {keep}{" "}
              {form.channel === "webhook" ? (
                <Trans>https, and reachable from the internet. Messages are signed (Standard Webhooks).</Trans>
              ) : (
                <Trans>https, as the chat gives it to you for incoming webhooks. Who knows it can write there.</Trans>
              )}
            </>
          }
          fault={faults.address}
        >
          <input type="text" inputMode="url" autoComplete="off" spellCheck={false} {...{ value, onChange }} />
        </Field>
      );
  }
}

function Keep({ address }: { address: string }) {
  return (
    <span className="address">
      <Trans>Empty: {address} stays.</Trans>
    </span>
  );
}

const ZONES = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];

function QuietFields({ form, faults, change }: PartProps) {
  return (
    <fieldset className="fields">
      <legend>
        <Trans>Quiet hours</Trans>
      </legend>
      <label className="checkbox">
        <input type="checkbox" checked={form.quiet} onChange={({ target }) => change({ quiet: target.checked, quietTo: form.quietTo })} />
        <Trans>Hold messages at night: they come when the quiet hours end, if they still matter</Trans>
      </label>
      {form.quiet ? (
        <>
          <Field label={<Trans>From</Trans>} fault={faults.quietFrom ?? faults.quiet}>
            <input type="time" value={form.quietFrom} onChange={({ target }) => change({ quietFrom: target.value })} />
          </Field>
          <Field label={<Trans>To</Trans>} fault={faults.quietTo}>
            <input type="time" value={form.quietTo} onChange={({ target }) => change({ quietTo: target.value })} />
          </Field>
          <Field label={<Trans>Time zone</Trans>} fault={faults.zone}>
            <select value={form.zone} onChange={({ target }) => change({ zone: target.value })}>
              {[...new Set(["Asia/Kolkata", form.zone, ...ZONES.filter((zone) => zone !== "Asia/Calcutta")])].map((zone) => (
                <option key={zone} value={zone}>
                  {zone.replaceAll("_", " ")}
                </option>
              ))}
            </select>
          </Field>
        </>
      ) : null}
    </fieldset>
  );
}

type NumberName = FieldName & ("above" | "clearBelow" | "withinHours" | "probability" | "dwell");

interface NumberProps extends PartProps {
  label: ReactNode;
  hint?: ReactNode;
  name: NumberName;
  max: number;
  placeholder?: string;
}

function NumberField({ label, hint, name, max, placeholder, form, faults, change }: NumberProps) {
  return (
    <Field label={label} hint={hint} fault={faults[name]}>
      <input
        type="number"
        inputMode="decimal"
        step="any"
        min={1}
        max={max}
        placeholder={placeholder}
        value={form[name]}
        onChange={({ target }) => change({ [name]: target.value })}
      />
    </Field>
  );
}
