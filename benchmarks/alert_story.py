"""An alert from the file to the score: PYTHONPATH=tests python -m benchmarks.alert_story FOLDER [--from T] [--to T].

FOLDER has exports of the CPCB portal of stations in Jaipur, January to October 2025 at least. They are imported into a
new database; a rule by webhook and one by e-mail are made over the API, and previewed there; `vayu replay --alerts`
drives the clock through the days around Diwali 2025. What arrives is checked: each webhook's signature by the library
standardwebhooks, each mail by its headers. Then the API tells what was sent, and how good the alerts were.

Commands and the API run as processes of their own, with the settings that an operator would use. It ends with 1 where
something did not happen that had to.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import httpx
from standardwebhooks import Webhook

from common.store.databases import create_database
from common.store.engine import Database

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alert_rows import receiving
from mail_server import mail_server
from processes import free_port, temporary_folder, until
from servers import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import EmailMessage

    from alert_rows import Receiver
    from mail_server import Mailbox

CITY = "Jaipur"
MEASURED = {"on": "measured", "target": "aqi", "above": 300, "clear_below": 280, "dwell": 2}
EXPECTED = {
    "on": "forecast", "target": "aqi", "above": 150, "clear_below": 135, "within_hours": 24, "probability": 0.5,
    "dwell": 2,
}  # fmt: skip
MAIL = "you@example.org"
PATIENCE_S = 120.0


class Story:
    """Does the steps, and prints each."""

    def __init__(self, env: Mapping[str, str], api: httpx.Client) -> None:
        self._env = env
        self._api = api
        self._step = 0

    def step(self, text: str) -> None:
        """Begin the next step."""
        self._step += 1
        print(f"\n{self._step}. {text}", flush=True)

    def vayu(self, *arguments: str, shown: str = "") -> Any:
        """Run a command of ours; what it says as JSON. `shown`: its arguments as they are to be printed."""
        print(f"   $ vayu {shown or ' '.join(arguments)}", flush=True)
        command = [sys.executable, "-m", "common.cli", *arguments, "--json"]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"vayu {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)

    def ask(
        self, method: str, path: str, *, token: str | None = None, body: Any = None, shown: str = ""
    ) -> Any:
        """Send a request to the API; what it answers. `shown`: its address as it is to be printed."""
        print(f"   {method} /api/v1{shown or path}" + (f" {json.dumps(body)}" if body else ""), flush=True)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = self._api.request(method, f"/api/v1{path}", headers=headers, json=body)
        if answer.is_error:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.text

    def say(self, text: str) -> None:
        """Print something of the step."""
        print(f"   {text}", flush=True)


def main() -> int:
    """Print each step; 0 where all of it happened."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="start", default="2025-10-19T18:00")
    parser.add_argument("--to", dest="end", default="2025-10-23T13:00", help="naive times are Indian")
    given = parser.parse_args()
    files = sorted(given.folder.glob("*.csv*"))
    if not files:
        parser.error(f"{given.folder} has no CSV files")
    with temporary_folder("vayu-story-") as folder, receiving() as hook, mail_server() as box:
        (folder / "server").mkdir()
        with Server(folder / "server") as server:
            with closing(Database(server.url())) as admin:
                create_database(admin, "vayu")
            port = free_port()
            env = _environment(folder, server.url("vayu"), port, hook, box)
            with httpx.Client(base_url=env["VAYU_PUBLIC_URL"], timeout=60.0) as api:
                story = Story(env, api)
                story.vayu("migrate")
                with (
                    _running(folder, env, "serve", "--workers", "1"),
                    _running(folder, env, "work", "vayu.alerts", "vayu.events.ready"),
                ):
                    until(lambda: _answers(api), PATIENCE_S, "the API answers")
                    return _tell(story, files, (given.start, given.end), hook, box)


def _environment(folder: Path, url: str, port: int, hook: Receiver, box: Mailbox) -> dict[str, str]:
    """What an operator sets."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "VAYU_HOME": str(folder / "home"),
        "MODEL_STORE_URL": (folder / "models").as_uri(),
        "PORT": str(port),
        "VAYU_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VAYU_DASHBOARD": "none",
        "VAYU_ALERTS_KEY": b64encode(token_bytes(32)).decode(),
        "VAYU_ALERTS_ALLOW_ORIGINS": hook.url.rpartition("/")[0],
        "VAYU_SMTP_URL": f"smtp://127.0.0.1:{box.port}",
        "VAYU_MAIL_FROM": "alerts@example.org",
    }


@contextmanager
def _running(folder: Path, env: Mapping[str, str], *arguments: str) -> Iterator[None]:
    """A command of ours while the block lasts; its log is shown where something goes wrong."""
    log = folder / f"{arguments[0]}.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "common.cli", *arguments]
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        yield
    except BaseException:
        print(log.read_text(encoding="utf-8")[-4000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait()


def _answers(api: httpx.Client) -> bool:
    try:
        return bool(api.get("/api/v1/health").content)
    except httpx.TransportError:
        return False


def _tell(story: Story, files: list[Path], window: tuple[str, str], hook: Receiver, box: Mailbox) -> int:
    story.step("Measured data are imported.")
    imported = story.vayu(
        "import", *map(str, files), "--city", CITY, shown=f"import FOLDER/*.csv.gz --city {CITY}"
    )
    for each in imported["files"]:
        story.say(
            f"{', '.join(each['stations'])}: {each['rows_read']} rows, {each['readings']} hourly readings"
        )

    story.step("The rule on measured values is previewed on the record.")
    period = {"from": f"{window[0][:4]}-01-01T00:00:00+05:30", "to": _indian(window[1])}
    preview = story.ask("POST", "/alerts/preview", body={"city": CITY, "when": MEASURED} | period)
    _say_counts(story, preview)

    story.step("It is made, with a webhook.")
    token = story.vayu("keys", "create", "story", "--scope", "alerts")["token"]
    body = {"city": CITY, "when": MEASURED, "to": {"channel": "webhook", "address": hook.url}}
    measured = story.ask("POST", "/alerts", token=token, body=body)
    story.say(f"{measured['state']}; its secret is shown this once: whsec_…")

    story.step(
        "One on forecasts is made by mail, without a token; its address is confirmed by the link of a mail."
    )
    body = {"city": CITY, "when": EXPECTED, "to": {"channel": "email", "address": MAIL}}
    expected = story.ask("POST", "/alerts", body=body)
    story.say(expected["state"])
    until(lambda: box.letters, PATIENCE_S, "a mail asks for confirmation")
    _say_mail(story, box.letters[-1])
    link = re.search(r"/api/v1(/alerts/confirm/\S+)", _text(box.letters[-1]))
    assert link is not None
    page = story.ask("POST", link[1], shown="/alerts/confirm/…")
    mail_token = re.search(r"va_[\w-]+", page)
    assert mail_token is not None
    until(lambda: len(box.letters) == 2, PATIENCE_S, "a mail with the token")
    _say_mail(story, box.letters[-1])

    story.step("The clock is driven through the episode.")
    report = story.vayu(
        "replay", "--city", CITY, "--from", window[0], "--to", window[1], "--family", "linear", "--alerts"
    )
    story.say(f"{report['hours']} hours, {report['issued']} forecasts, {report['trainings']} trainings")

    story.step("What came by webhook, each signature verified by the library standardwebhooks:")
    verifier = Webhook(measured["secret"])
    for post in hook.posts:
        message = verifier.verify(post.body, dict(post.headers))
        data = message["data"]
        story.say(
            f"webhook-id {post.id}: {message['type']} {data['city']} AQI {data['value']:.0f} at {data['time']}"
        )

    story.step("What came by mail:")
    for letter in box.letters[2:]:
        _say_mail(story, letter)

    story.step("The deliveries as the owner sees them.")
    fates = [_deliveries(story, measured["id"], token), _deliveries(story, expected["id"], mail_token[0])]

    story.step("The alerts are scored.")
    scores = [
        story.ask("GET", f"/alerts/{measured['id']}/score", token=token),
        story.ask("GET", f"/alerts/{expected['id']}/score", token=mail_token[0]),
    ]
    for score in scores:
        _say_counts(story, score)

    story.step("The rule on forecasts is previewed on what was issued in the replay.")
    when = {"from": _indian(window[0]), "to": _indian(window[1])}
    again = story.ask("POST", "/alerts/preview", body={"city": CITY, "when": EXPECTED} | when)
    _say_counts(story, again)

    wanted = [("firing", "delivered"), ("clear", "delivered")]
    whole = all(sorted(fate) == sorted(wanted) for fate in fates)
    whole &= again["alerts"] == 1 and [post.kind for post in hook.posts] == ["firing", "clear"]
    print("\nAll of it happened." if whole else "\nSomething did not happen.")
    return 0 if whole else 1


def _indian(time_: str) -> str:
    return f"{time_}:00+05:30"


def _say_counts(story: Story, counts: Mapping[str, Any]) -> None:
    """Hits, misses and the rest, and each exceedance of it that was one."""
    names = ("alerts", "hits", "false_alarms", "misses", "late", "pod", "far", "median_warning_hours")
    story.say(", ".join(f"{name} {counts[name]}" for name in names if name in counts))
    for each in counts.get("episodes", ()):
        story.say(
            f"{each['from']} to {each['to']}, peak {each['peak']:.0f}: {each['outcome']}, warned at {each['warned_at']}"
        )
    for each in counts.get("outcomes", ()):
        story.say(
            f"{each['time']} to {each['until']}, peak {each['peak'] or 0:.0f}: {each['kind']}, "
            f"warned at {each['warned_at']}"
        )


def _say_mail(story: Story, letter: EmailMessage) -> None:
    by_click = "List-Unsubscribe-Post" in letter
    story.say(f"To {letter['To']}: {letter['Subject']}" + (" (ends by one click)" if by_click else ""))


def _text(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _deliveries(story: Story, id_: str, token: str) -> list[tuple[str, str]]:
    """Kind and fate of each message of an episode, oldest first."""
    listed = story.ask("GET", f"/alerts/{id_}/deliveries", token=token)["deliveries"]
    for each in reversed(listed):
        because = f", {each['error']}" if each["error"] else ""
        story.say(
            f"event {each['event']}: {each['kind']} {each['status']}, attempts {each['attempts']}{because}"
        )
    return [(each["kind"], each["status"]) for each in reversed(listed) if each["episode"] is not None]


if __name__ == "__main__":
    sys.exit(main())
