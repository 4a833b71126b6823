import { msg } from "@lingui/core/macro";

type Message = ReturnType<typeof msg>;

/** Terms of docs/glossary.md that readers of these pages meet; `term` is spelt as there, and a test looks it up. */
export const GLOSSARY: { term: string; name: Message; meaning: Message }[] = [
  { term: "backtest", name: msg`Backtest`, meaning: msg`One training on the hours before a date, and forecasts after it, on a file of measurements.` },
  { term: "basis", name: msg`Basis`, meaning: msg`Where an hour's value comes from: measured, implied by a published index, or modelled.` },
  { term: "challenger", name: msg`Challenger`, meaning: msg`A forecaster that is scored on the same hours as the champion and is not served.` },
  { term: "champion", name: msg`Champion`, meaning: msg`The model of a city that is served.` },
  { term: "checksum", name: msg`Checksum`, meaning: msg`A number (SHA-256) that shows later that a model or a forecast has not been changed.` },
  { term: "city-hour", name: msg`City-hour`, meaning: msg`One city in one hour: the values of all its stations and providers, reconciled.` },
  { term: "confidence", name: msg`Confidence`, meaning: msg`The stated probability that the category of the forecast is right.` },
  { term: "coverage", name: msg`Coverage`, meaning: msg`Share of the truth that lies within intervals. An 80% interval that covers 80% keeps its promise.` },
  { term: "expert", name: msg`Expert`, meaning: msg`One of the forecasts that a served forecast is a weighted mean of.` },
  { term: "family", name: msg`Family`, meaning: msg`A kind of model: linear, random forest, XGBoost, LSTM.` },
  { term: "horizon", name: msg`Horizon`, meaning: msg`The longest lead time, 48 hours.` },
  { term: "issue time", name: msg`Issue time`, meaning: msg`When a forecast was computed and stored.` },
  { term: "lead time", name: msg`Lead time`, meaning: msg`Hours from the origin to the hour that is forecast, 1 to 48.` },
  { term: "naive forecasts", name: msg`Naive forecasts`, meaning: msg`The forecasts to beat: the last value, the same hour of the last day, the mean of 24 hours, the mean of the same hour over seven days.` },
  { term: "NAQI", name: msg`NAQI`, meaning: msg`The National Air Quality Index of India, 0 to 500: the highest sub-index of the pollutants.` },
  { term: "origin", name: msg`Origin`, meaning: msg`The end of the hour from which a forecast looks ahead. Nothing later is used for it.` },
  { term: "pinball loss", name: msg`Pinball loss`, meaning: msg`Error of a forecast quantile, such as the end of an interval. Lower is better.` },
  { term: "promotion", name: msg`Promotion`, meaning: msg`Making a newly trained model the champion.` },
  { term: "provider forecast", name: msg`Provider forecast`, meaning: msg`What a provider expects of the weather or the air, stored as it was received.` },
  { term: "record", name: msg`Record`, meaning: msg`Forecasts as issued, with the truth that came.` },
  { term: "skill", name: msg`Skill`, meaning: msg`1 − MAE / MAE of the best naive forecast for the same hours. 0 is as good as naive, 1 is perfect, below 0 is worse.` },
  { term: "sub-index", name: msg`Sub-index`, meaning: msg`The index of one pollutant, from its mean over 1, 8 or 24 hours.` },
  { term: "truth", name: msg`Truth`, meaning: msg`The value that an hour had when it was over. Scores compare forecasts with it.` },
  { term: "Winkler score", name: msg`Winkler score`, meaning: msg`Width of an interval, and a penalty for what lies outside it. Lower is better.` },
];
