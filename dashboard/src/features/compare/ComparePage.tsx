import { useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";

export default function ComparePage() {
  const { t } = useLingui();
  return <PageTitle>{t`Compare`}</PageTitle>;
}
