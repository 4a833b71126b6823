import { msg } from "@lingui/core/macro";
import { useLingui } from "@lingui/react";

const REASONS: Record<string, ReturnType<typeof msg>> = {
  blocked: msg`it turns this installation's address away`,
  broken: msg`the connection broke`,
  busy: msg`it is busy with other requests of this address`,
  capped: msg`the key allows only a part of the rows`,
  dns: msg`its name cannot be resolved`,
  empty: msg`its answer was empty`,
  html: msg`it answered with a web page instead of data`,
  key: msg`it refuses the key of this installation`,
  not_json: msg`its answer cannot be read`,
  not_xml: msg`its answer cannot be read`,
  quota: msg`it says that the quota of this installation is used up`,
  refused: msg`it refuses the connection or the request`,
  request: msg`the request could not be made`,
  server_error: msg`its server fails`,
  shape: msg`its answer is not built as documented`,
  spent: msg`our own count of calls keeps to its quota, which is used up for now`,
  store: msg`our database did not answer`,
  timeout: msg`it did not answer in time`,
  tls: msg`its certificate cannot be verified`,
  too_large: msg`its answer is too large`,
  unavailable: msg`it is unavailable`,
  unusable: msg`nothing in its answer could be used`,
};

/** Why a run of a source failed, as part of a sentence; a reason that is new here is shown as the API spells it. */
export function useReason(): (reason: string) => string {
  const { i18n } = useLingui();
  return (reason) => {
    const message = REASONS[reason];
    return message === undefined ? reason : i18n._(message);
  };
}
