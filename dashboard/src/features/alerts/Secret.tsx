import { Trans } from "@lingui/react/macro";
import { Copyable } from "../../shared/Copyable";

const VERIFY = `from standardwebhooks import Webhook

def receive(body: bytes, headers: dict[str, str]) -> dict:
    """Raises WebhookVerificationError where the message is not ours, or older than five minutes."""
    return Webhook("whsec_…").verify(body, headers)`;

/** The secret of a webhook, which the service shows this once, and what it is for. */
export function Secret({ secret }: { secret: string }) {
  return (
    <>
      <p>
        <Trans>
          Copy the secret now: it is shown this once. With it your receiver can tell that a message is from here and unchanged: its headers
          webhook-id, webhook-timestamp and webhook-signature follow Standard Webhooks, for which there are libraries in most languages. A
          message may come twice; its webhook-id is then the same.
        </Trans>
      </p>
      <Copyable name={<Trans>Secret</Trans>} text={secret} />
      <Copyable name={<Trans>Verify in Python: pip install standardwebhooks</Trans>} text={VERIFY} />
    </>
  );
}
