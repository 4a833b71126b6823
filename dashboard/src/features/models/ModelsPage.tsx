import { useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";

export default function ModelsPage() {
  const { t } = useLingui();
  return <PageTitle>{t`Models`}</PageTitle>;
}
