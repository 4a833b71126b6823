import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "wouter";
import { PageTitle } from "../shared/PageTitle";

export function NotFoundPage() {
  const { t } = useLingui();
  return (
    <>
      <PageTitle>{t`There is no such page`}</PageTitle>
      <p>
        <Trans>
          The address may have been mistyped, or the page was moved. All cities are on the <Link href="/">overview</Link>.
        </Trans>
      </p>
    </>
  );
}
