import { useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";

export default function RecordPage() {
  const { t } = useLingui();
  return <PageTitle>{t`Record`}</PageTitle>;
}
