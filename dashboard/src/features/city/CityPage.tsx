import { useLingui } from "@lingui/react/macro";
import { PageTitle } from "../../shared/PageTitle";

export default function CityPage() {
  const { t } = useLingui();
  return <PageTitle>{t`City`}</PageTitle>;
}
