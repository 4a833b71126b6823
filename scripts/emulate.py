"""The functions on this machine as a cloud calls them: python scripts/emulate.py gcp|aws (make emulate-gcp, -aws).

gcp: each function under functions-framework, on a port of its own; messages come as pushes of Pub/Sub.
aws: collect, forecast, retention and api under serverless-offline, with the addresses and schedules of serverless.yml;
messages come as batches of SQS. `train` is a container image there: its messages wait.

Both work over DATABASE_URL, or the embedded server of VAYU_HOME. The queue is the table of jobs: what `vayu dev` gives
to its workers is handed to the functions here. Ctrl-C ends everything, and so does killing this process.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Any

import httpx

from common.adapters.cloud_event import structured
from common.adapters.file_lock import FileLock
from common.adapters.queue import COLLECT, FORECAST_READY, OBSERVATIONS_READY, TRAIN, Message
from common.bootstrap.local import local_parts
from common.bootstrap.parts import Parts, settings_here, system_clock
from common.cli.children import PATIENCE_S, Child, end_with_parent, stop_all
from common.cli.output import aside
from common.cli.stopping import until_told_to_stop
from common.domain.errors import ConfigError, StoreError, Transient, VayuError
from common.entry.local import work_forever
from common.store.jobs import release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from common.entry.perform import Handler

ROOT = Path(__file__).parents[1]
OSLS = ROOT / ".vayu" / "osls" / "node_modules" / "osls" / "bin" / "serverless.js"
HOST = "127.0.0.1"
WOKEN = {COLLECT: "collect", OBSERVATIONS_READY: "forecast", TRAIN: "train"}
FUNCTION_S = 900
"""The longest that a function may take on either cloud"""
UP_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Cloud:
    """What is started, and where it is reached."""

    programs: Mapping[str, list[str]]
    addresses: Mapping[str, str]
    """Function → where it is called"""
    ports: tuple[int, ...]
    handlers: Mapping[str, Handler]
    """Type of message → what hands it over"""


def gcp(port: int) -> Cloud:
    """functions-framework for each function: the API at `port`, the others behind it."""
    ports = {unit: port + n for n, unit in enumerate(("api", "collect", "forecast", "train", "retention"))}
    addresses = {unit: f"http://{HOST}:{own}" for unit, own in ports.items()}
    return Cloud(
        {
            unit: [
                sys.executable, "-m", "functions_framework", "--target", "http",
                "--source", str(ROOT / "functions" / unit / "main.py"), "--host", HOST, "--port", str(own),
            ]
            for unit, own in ports.items()
        },
        addresses,
        tuple(ports.values()),
        {type_: _pushed(addresses[unit]) for type_, unit in WOKEN.items()},
    )  # fmt: skip


def aws(port: int) -> Cloud:
    """serverless-offline: the HTTP API at `port`, Lambda's own interface behind it.

    Raises:
        ConfigError: where it is not installed.
    """
    node = shutil.which("node")
    if node is None or not OSLS.exists():
        raise ConfigError("serverless-offline is not here: make osls (which needs node and npm)")
    calls = f"http://{HOST}:{port + 1}/2015-03-31/functions/vayu-local-{{}}/invocations"
    return Cloud(
        {
            "offline": [
                node, str(OSLS), "offline", "start", "--config", "serverless.offline.yml", "--noSponsor",
                "--host", HOST, "--httpPort", str(port), "--lambdaPort", str(port + 1),
            ]
        },
        {"api": f"http://{HOST}:{port}"} | {unit: calls.format(unit) for unit in ("collect", "forecast", "retention")},
        (port, port + 1),
        {type_: _batched(calls.format(unit)) for type_, unit in WOKEN.items() if unit != "train"},
    )  # fmt: skip


def _pushed(url: str) -> Handler:
    def push(message: Message) -> Mapping[str, object]:
        attributes = {"ce-id": message.id, "ce-type": message.type, "ce-subject": message.subject}
        data = base64.b64encode(_body(message).encode()).decode()
        answer = _post(
            url,
            {
                "message": {"data": data, "attributes": attributes, "messageId": message.id},
                "subscription": f"projects/local/subscriptions/{message.type}",
                "deliveryAttempt": message.attempt,
            },
        )
        return {"status": answer.status_code}

    return push


def _batched(url: str) -> Handler:
    def batch(message: Message) -> Mapping[str, object]:
        record = {
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": _body(message),
            "attributes": {"ApproximateReceiveCount": str(message.attempt)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:ap-south-1:000000000000:{message.type}",
            "awsRegion": "ap-south-1",
        }
        answer: dict[str, Any] = _post(url, {"Records": [record]}).json()
        if answer.get("batchItemFailures") != []:
            raise Transient(f"the function did not take the message: {answer}")
        return answer

    return batch


def _body(message: Message) -> str:
    """The message as it lies in either cloud's queue."""
    return structured(message.id, message.type, message.subject, message.data, now=system_clock())


def _post(url: str, body: Mapping[str, object]) -> httpx.Response:
    try:
        return httpx.post(url, json=body, timeout=FUNCTION_S).raise_for_status()
    except httpx.HTTPError as error:
        raise Transient(f"{url}: {error}") from error


def emulate(cloud: Cloud) -> None:
    """Run it until Ctrl-C.

    Raises:
        ConfigError: when QUEUE_URL names another queue.
        StoreError: when something cannot be started, or ends.
    """
    settings = settings_here()
    if settings.queue_url not in ("postgres:", "postgres://"):
        raise ConfigError("QUEUE_URL must be unset, or 'postgres:': messages are handed over from there")
    with ExitStack() as stack:
        with until_told_to_stop():
            lock = stack.enter_context(_alone(settings.home))
            _refuse_taken(cloud.ports)
            aside.print("Starting the database …")
            parts = stack.enter_context(local_parts(settings, clock=system_clock))
            with parts.database.transaction() as connection:
                release(connection)
            stop = Event()
            workers = [Thread(target=_hand_over, args=(parts, *one, stop)) for one in cloud.handlers.items()]
            workers.append(Thread(target=_hand_over, args=(parts, FORECAST_READY, _nobody_listens, stop)))
            stack.callback(_join, workers)
            running: list[Child] = []
            stack.callback(stop_all, running)
            stack.callback(stop.set)
            for name, command in cloud.programs.items():
                log = parts.settings.home / "logs" / f"emulated-{name}.log"
                running.append(Program(name, *command, env=_environment(parts), log=log, lock=lock))
            _await(cloud.ports, running, parts)
            for worker in workers:
                worker.start()
            for unit, address in cloud.addresses.items():
                aside.print(
                    f"  {unit:<9} {address}{'/api/v1/health' if unit == 'api' else ''}", soft_wrap=True
                )
            aside.print(f"Ready. Logs: {parts.settings.home / 'logs'}. Ctrl-C stops it.", soft_wrap=True)
            while True:
                _see_that_all_run(running, parts)
                time.sleep(0.5)
        aside.print("Stopping …")
    aside.print("Stopped.")


def _await(ports: tuple[int, ...], running: list[Child], parts: Parts) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while not all(map(_taken, ports)):
        _see_that_all_run(running, parts)
        if time.monotonic() > deadline:
            raise StoreError(
                f"nothing answers within {UP_WITHIN_S:.0f} s; see {parts.settings.home / 'logs'}"
            )
        time.sleep(0.1)


def _join(workers: list[Thread]) -> None:
    for worker in workers:
        if worker.ident is not None:
            worker.join()


def _hand_over(parts: Parts, type_: str, handler: Handler, stop: Event) -> None:
    work_forever(parts.database, parts.clock, {type_: handler}, stop=stop, poll_seconds=0.5, types=[type_])


def _nobody_listens(message: Message) -> Mapping[str, object]:
    return {"forecast": message.subject}


@contextmanager
def _alone(home: Path) -> Iterator[FileLock]:
    """The only one of `home`, be it this or `vayu dev`; gives the lock that children are to hold."""
    with FileLock(home / "locks" / "dev") as mine, FileLock(home / "locks" / "children") as childrens:
        if not mine.take() or not childrens.take(patience_s=3 * PATIENCE_S):
            raise StoreError(f"vayu dev or an emulation runs already in {home}; stop it, or set VAYU_HOME")
        yield childrens


def _refuse_taken(ports: tuple[int, ...]) -> None:
    for port in ports:
        if _taken(port):
            raise StoreError(
                f"port {port} is taken; choose others: PORT=… (of {len(ports)} in a row the first)"
            )


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _environment(parts: Parts) -> dict[str, str]:
    settings = parts.settings
    return {
        "DATABASE_URL": parts.database.url,
        "MODEL_STORE_URL": settings.model_store_url,
        "VAYU_HOME": str(settings.home),
        "VAYU_SOURCES": ",".join(settings.sources or ()),
        # serverless-offline starts the first python3 that it finds.
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
        "SLS_TELEMETRY_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
    }


def _see_that_all_run(running: list[Child], parts: Parts) -> None:
    for child in running:
        if child.status is not None:
            log = parts.settings.home / "logs" / f"emulated-{child.name}.log"
            raise StoreError(f"{child.name} ended with status {child.status}; see {log}")


class Program(Child):
    """A program that is none of ours, and ends with us all the same: under `guard`."""

    def _start(self, output: IO[bytes], env: Mapping[str, str], lock: FileLock) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, __file__, "guard", *self.arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **env},
            pass_fds=[lock.fileno()],
            start_new_session=True,
        )


def guard(command: list[str]) -> int:
    """Run a command; end it, and all that it started, when asked to or when standard input closes."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    end_with_parent()
    return subprocess.Popen(command, stdin=subprocess.DEVNULL).wait()


def main() -> None:
    """What the arguments say."""
    if sys.argv[1:2] == ["guard"]:
        sys.exit(guard(sys.argv[2:]))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cloud", choices=("gcp", "aws"))
    cloud = {"gcp": gcp, "aws": aws}[parser.parse_args().cloud]
    try:
        emulate(cloud(settings_here().port))
    except VayuError as error:
        aside.print(f"error: {error}", style="red", soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)


if __name__ == "__main__":
    main()
