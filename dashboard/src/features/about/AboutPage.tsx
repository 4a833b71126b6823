import { useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";

export default function AboutPage() {
  const { t } = useLingui();
  return <PageTitle>{t`About`}</PageTitle>;
}
