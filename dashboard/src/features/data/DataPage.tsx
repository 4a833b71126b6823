import { useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";

export default function DataPage() {
  const { t } = useLingui();
  return <PageTitle>{t`Data`}</PageTitle>;
}
