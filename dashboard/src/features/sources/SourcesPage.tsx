import { useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";

export default function SourcesPage() {
  const { t } = useLingui();
  return <PageTitle>{t`Sources`}</PageTitle>;
}
