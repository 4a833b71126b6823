import { Trans, useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";
import { useChoice } from "../../shared/useChoice";
import "./alerts.css";
import { OwnAlerts } from "./OwnAlerts";
import { PublicAlerts, PublicScores } from "./PublicAlerts";
import { RuleForm } from "./RuleForm";

/** Be told in time, once, and for good reason. */
export default function AlertsPage() {
  const { t } = useLingui();
  const [params, choose] = useChoice();
  return (
    <>
      <PageTitle>{t`Alerts`}</PageTitle>
      <p>
        <Trans>
          Be told when the air gets bad, or before it does: once when it begins, and once when it is over. Try a rule on the record first, to
          see how often it would have been right.
        </Trans>
      </p>
      <PublicAlerts />
      <RuleForm city={params.get("city") ?? ""} onCity={(slug) => choose("city", slug)} />
      <OwnAlerts />
      <PublicScores />
    </>
  );
}
