import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import { type CategoryKey, categoryOf } from "../../shared/aqi/categories";

type Message = ReturnType<typeof msg>;

/** What CPCB says each category may do to health (National Air Quality Index, 2014). */
const IMPACT: Record<CategoryKey, Message> = {
  good: msg`Minimal impact.`,
  satisfactory: msg`Minor breathing discomfort for sensitive people.`,
  moderate: msg`Breathing discomfort for people with lung disease, asthma or heart disease.`,
  poor: msg`Breathing discomfort for most people on prolonged exposure.`,
  "very-poor": msg`Respiratory illness on prolonged exposure.`,
  severe: msg`Affects healthy people, and seriously those with existing diseases.`,
};

const NONE = msg`No restriction.`;
const WATCH = msg`Take breaks if breathing gets hard; keep medicine at hand.`;
const LESS = msg`Less time and effort outdoors, above all near traffic.`;
const SHORT = msg`Outdoors only as long as needed; an N95 or FFP2 mask helps.`;
const INDOORS = msg`Stay indoors with windows closed; an N95 or FFP2 mask on the way.`;
const DOCTOR = msg`Stay indoors; see a doctor at chest pain, wheezing or shortness of breath.`;
const WORK = msg`Heavy work in shifts with breaks indoors; an N95 or FFP2 mask at work.`;
const NO_SPORT = msg`No sport outdoors; move it indoors or to another day.`;

const GROUPS: { key: string; name: Message; advice: Record<CategoryKey, Message> }[] = [
  {
    key: "everyone",
    name: msg`Everyone`,
    advice: { good: NONE, satisfactory: NONE, moderate: NONE, poor: LESS, "very-poor": SHORT, severe: INDOORS },
  },
  {
    key: "young-old",
    name: msg`Children, older and pregnant people`,
    advice: { good: NONE, satisfactory: WATCH, moderate: LESS, poor: SHORT, "very-poor": INDOORS, severe: INDOORS },
  },
  {
    key: "ill",
    name: msg`People with asthma, lung or heart disease`,
    advice: { good: NONE, satisfactory: WATCH, moderate: LESS, poor: INDOORS, "very-poor": DOCTOR, severe: DOCTOR },
  },
  {
    key: "workers",
    name: msg`People who work outdoors`,
    advice: { good: NONE, satisfactory: NONE, moderate: WATCH, poor: WORK, "very-poor": WORK, severe: WORK },
  },
  {
    key: "sport",
    name: msg`Sport and schools`,
    advice: { good: NONE, satisfactory: NONE, moderate: LESS, poor: NO_SPORT, "very-poor": NO_SPORT, severe: NO_SPORT },
  },
];

/** Advice by group for the category of an index. */
export function Advice({ aqi }: { aqi: number }) {
  const { i18n } = useLingui();
  const { key } = categoryOf(aqi);
  return (
    <div className="advice">
      <h3>
        <Trans>What to do</Trans>
      </h3>
      <p>
        {i18n._(IMPACT[key])} <span className="quiet">(CPCB)</span>
      </p>
      <dl>
        {GROUPS.map((group) => (
          <div key={group.key}>
            <dt>{i18n._(group.name)}</dt>
            <dd>{i18n._(group.advice[key])}</dd>
          </div>
        ))}
      </dl>
      <p className="quiet">
        <Trans>General advice for the category, not medical advice.</Trans>
      </p>
    </div>
  );
}
