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
import shutil
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import httpx

from common.adapters.cloud_event import structured
from common.bootstrap.container import environment_settings, system_clock
from common.bootstrap.local import local_resources
from common.cli.output import aside
from common.cli.processes import HOST, Processes, alone, environment, refuse_taken
from common.cli.signals import until_told_to_stop
from common.domain.errors import ConfigError, StoreError, Transient, VayuError
from common.domain.messages import COLLECT, FORECAST_READY, OBSERVATIONS_READY, TRAIN, Message
from common.entry.worker import work_forever
from common.store.jobs import release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.domain.messages import Handler
    from common.services.resources import Resources

ROOT = Path(__file__).parents[1]
OSLS = ROOT / ".vayu" / "osls" / "node_modules" / "osls" / "bin" / "serverless.js"
WOKEN = {COLLECT: "collect", OBSERVATIONS_READY: "forecast", TRAIN: "train"}
FUNCTION_S = 900
"""The longest that a function may take on either cloud"""
UP_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Cloud:
    """What is started, and where it is reached."""

    procfile: Path
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
        ROOT / "scripts" / "gcp.Procfile",
        addresses,
        tuple(ports.values()),
        {type_: _pushed(addresses[unit]) for type_, unit in WOKEN.items()},
    )


def aws(port: int) -> Cloud:
    """serverless-offline: the HTTP API at `port`, Lambda's own interface behind it.

    Raises:
        ConfigError: where it is not installed.
    """
    if shutil.which("node") is None or not OSLS.exists():
        raise ConfigError("serverless-offline is not here: make osls (which needs node and npm)")
    calls = f"http://{HOST}:{port + 1}/2015-03-31/functions/vayu-local-{{}}/invocations"
    return Cloud(
        ROOT / "scripts" / "aws.Procfile",
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
    settings = environment_settings()
    if settings.queue_url not in ("postgres:", "postgres://"):
        raise ConfigError("QUEUE_URL must be unset, or 'postgres:': messages are handed over from there")
    with ExitStack() as stack:
        with until_told_to_stop():
            lock = stack.enter_context(alone(settings.home, who="vayu dev or an emulation"))
            refuse_taken(cloud.ports, choose=f"others: PORT=… (of {len(cloud.ports)} in a row the first)")
            aside.print("Starting the database …")
            resources = stack.enter_context(local_resources(settings, clock=system_clock))
            with resources.database.transaction() as connection:
                release(connection)
            stop = Event()
            workers = [
                Thread(target=_hand_over, args=(resources, *function_and_handler, stop))
                for function_and_handler in cloud.handlers.items()
            ]
            workers.append(Thread(target=_hand_over, args=(resources, FORECAST_READY, _nobody_listens, stop)))
            stack.callback(_join, workers)
            logs = resources.settings.home / "logs"
            env = environment(resources, cloud.ports[0])
            processes = Processes(cloud.procfile, env, logs, lock, cwd=ROOT, log_prefix="emulated-")
            stack.callback(processes.stop)
            stack.callback(stop.set)
            for name in processes.names():
                processes.start(name)
            _await(cloud.ports, processes)
            for worker in workers:
                worker.start()
            for unit, address in cloud.addresses.items():
                aside.print(
                    f"  {unit:<9} {address}{'/api/v1/health' if unit == 'api' else ''}", soft_wrap=True
                )
            aside.print(f"Ready. Logs: {logs}. Ctrl-C stops it.", soft_wrap=True)
            while True:
                _see_that_all_run(processes)
                time.sleep(0.5)
        aside.print("Stopping …")
    aside.print("Stopped.")


def _await(ports: tuple[int, ...], processes: Processes) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while not all(map(_listened_on, ports)):
        _see_that_all_run(processes)
        if time.monotonic() > deadline:
            raise StoreError(f"nothing answers within {UP_WITHIN_S:.0f} s; see {processes.logs}")
        time.sleep(0.1)


def _join(workers: list[Thread]) -> None:
    for worker in workers:
        if worker.ident is not None:
            worker.join()


def _hand_over(resources: Resources, type_: str, handler: Handler, stop: Event) -> None:
    work_forever(
        resources.database, resources.clock, {type_: handler}, stop=stop, poll_seconds=0.5, types=[type_]
    )


def _nobody_listens(message: Message) -> Mapping[str, object]:
    return {"forecast": message.subject}


def _listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _see_that_all_run(processes: Processes) -> None:
    for child in processes.ended():
        raise StoreError(f"{child.name} ended with status {child.status}; see {child.log}")


def main() -> None:
    """What the arguments say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cloud", choices=("gcp", "aws"))
    cloud = {"gcp": gcp, "aws": aws}[parser.parse_args().cloud]
    try:
        emulate(cloud(environment_settings().port))
    except VayuError as error:
        aside.print(f"error: {error}", style="red", soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigError) else 1)


if __name__ == "__main__":
    main()
