import type { Alert, AlertBody, Exceeded, JudgedItem, When } from "../../shared/api/schema";

export type { Alert, AlertBody, AlertChange, AlertScore, AlertWhen, Delivery, Preview, PreviewBody, RuleScore } from "../../shared/api/schema";

export type Channel = Alert["to"]["channel"];
export type Language = AlertBody["language"];
/** A condition as it is sent: what belongs to the other kind is left out. */
export type WhenBody = When;
export type PreviewEpisode = Exceeded;
/** An episode or an alert of a rule, and what came of it. */
export type Outcome = JudgedItem;
