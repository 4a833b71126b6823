import { Plural, Trans } from "@lingui/react/macro";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../shared/api/errors";
import { Loaded } from "../../shared/state/Loaded";
import { EmptyState, Notice } from "../../shared/state/states";
import { OwnAlert } from "./OwnAlert";
import { ownAlertsQuery } from "./queries";
import { setToken, useToken } from "./token";

/** With more alerts than this, the score of each is read when it is asked for. */
const SCORES_SHOWN = 10;

/** The alerts of whoever has the token. */
export function OwnAlerts() {
  const token = useToken();
  return (
    <section className="section" aria-labelledby="own-alerts">
      <h2 id="own-alerts">
        <Trans>Your alerts</Trans>
      </h2>
      {token === null ? <TokenForm /> : <OwnList />}
    </section>
  );
}

function TokenForm() {
  const [token, setText] = useState("");
  const [remember, setRemember] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setToken(token.trim(), remember);
  };
  return (
    <>
      <p>
        <Trans>
          To see, test, change or delete your alerts, enter your token. You got it when you confirmed your e-mail address; or who runs this
          installation makes one: <code>vayu keys create NAME --scope alerts</code>.
        </Trans>
      </p>
      <form className="controls" onSubmit={submit}>
        <label>
          <Trans>Token</Trans>
          <input type="password" autoComplete="off" required value={token} onChange={({ target }) => setText(target.value)} />
        </label>
        <label className="checkbox">
          <input type="checkbox" checked={remember} onChange={({ target }) => setRemember(target.checked)} />
          <Trans>Remember it on this device</Trans>
        </label>
        <button type="submit">
          <Trans>Show my alerts</Trans>
        </button>
      </form>
      <p className="quiet">
        <Trans>
          This page keeps the token until you close this tab, or until you have it forgotten. If the device is to remember it, whoever uses
          this browser can read and change your alerts: not on a shared device. Your alerts themselves are not stored here.
        </Trans>
      </p>
    </>
  );
}

function OwnList() {
  const client = useQueryClient();
  const query = useQuery(ownAlertsQuery());
  const forget = () => {
    setToken(null);
    client.removeQueries({ queryKey: ["own-alerts"] });
  };
  const refused = query.error instanceof ApiError && (query.error.status === 401 || query.error.status === 403);
  return (
    <>
      {refused ? (
        <Notice>
          {query.error instanceof ApiError && query.error.status === 403 ? (
            <Trans>This token may not do this: it lacks the scope alerts.</Trans>
          ) : (
            <Trans>This token is unknown, revoked or has expired.</Trans>
          )}
        </Notice>
      ) : (
        <Loaded query={query}>
          {({ alerts }) =>
            alerts.length === 0 ? (
              <EmptyState title={<Trans>You have no alerts yet</Trans>}>
                <Trans>Make one above.</Trans>
              </EmptyState>
            ) : (
              <>
                <p>
                  <Plural value={alerts.length} one="# alert" other="# alerts" />
                </p>
                <ul className="own-alerts">
                  {alerts.map((alert) => (
                    <li key={alert.id}>
                      <OwnAlert alert={alert} showScore={alerts.length <= SCORES_SHOWN} />
                    </li>
                  ))}
                </ul>
              </>
            )
          }
        </Loaded>
      )}
      <p>
        <button type="button" onClick={forget}>
          <Trans>Forget the token</Trans>
        </button>
      </p>
    </>
  );
}
