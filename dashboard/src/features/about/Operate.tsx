import { Trans } from "@lingui/react/macro";

export function Operate() {
  return (
    <>
      <section>
        <h2 id="privacy">
          <Trans>Privacy</Trans>
        </h2>
        <ul className="bullets">
          <li>
            <Trans>No cookies, no accounts, no advertising, no counting of visitors, and nothing from any other server: the page asks this one alone.</Trans>
          </li>
          <li>
            <Trans>
              Language, colours, favourites and the last answers are kept in your browser, so that the page works offline. They are never sent.
              Deleting the site's data in the browser deletes them.
            </Trans>
          </li>
          <li>
            <Trans>Like any server, this one sees your address with each request. It is used to limit the number of requests.</Trans>
          </li>
        </ul>
      </section>
      <section>
        <h2 id="own">
          <Trans>Run your own</Trans>
        </h2>
        <p>
          <Trans>Python 3.11 or newer and make are enough. In a copy of the repository:</Trans>
        </p>
        <pre>
          <code>make run</code>
        </pre>
        <p>
          <Trans>
            It starts a database, fills 92 days of history, trains first models, builds this page and serves it. No provider needs a key
            to begin with. It also runs on AWS Lambda and Google Cloud; docs/deploy.md says how, and what it costs.
          </Trans>
        </p>
        <p>
          <Trans>
            Data and forecasts without this page: <a href="/api/v1/docs">the API</a>.
          </Trans>
        </p>
      </section>
    </>
  );
}
