"""The functions on this machine as a cloud calls them: python scripts/emulate.py gcp|aws (make emulate-gcp, -aws).

gcp: each function under functions-framework, on a port of its own, and `vayu live`; messages come as pushes of Pub/Sub.
aws: all functions but one under serverless-offline, with the addresses and schedules of serverless.yml, and its
WebSocket; messages come as batches of SQS; moto has the table of live connections. `train` is a container image there:
its messages wait.

Both work over DATABASE_URL, or the embedded server of VAYU_HOME. The queue is the table of jobs: what `vayu dev` gives
to its workers is handed to the functions here. Ctrl-C ends everything, and so does killing this process.
"""

from __future__ import annotations

import argparse
import base64
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
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
from common.domain.live_protocol import WEBSOCKET_PATH
from common.domain.messages import (
    ARCHIVE,
    COLLECT,
    EVENTS_READY,
    EXPORT,
    FORECAST_READY,
    OBSERVATIONS_READY,
    TRAIN,
    Message,
)
from common.entry.worker import work_forever
from common.store.jobs import release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from common.domain.messages import Handler
    from common.services.resources import Resources

ROOT = Path(__file__).parents[1]
OSLS = ROOT / ".vayu" / "osls" / "node_modules" / "osls" / "bin" / "serverless.js"
WOKEN = {
    COLLECT: ("collect",),
    OBSERVATIONS_READY: ("forecast",),
    TRAIN: ("train",),
    EXPORT: ("train",),
    ARCHIVE: ("train",),
    FORECAST_READY: ("alerts",),
    EVENTS_READY: ("alerts", "live"),
}
"""Type of message → the functions that its queue, or the queues of its topic, wake"""
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
    prepare: Callable[[], None] = lambda: None
    """Once all answer"""


def gcp(port: int) -> Cloud:
    """functions-framework for each function: the API at `port`, the others behind it."""
    units = ("api", "collect", "forecast", "train", "retention", "alerts", "live")
    ports = {unit: port + n for n, unit in enumerate(units)}
    addresses = {unit: f"http://{HOST}:{own}" for unit, own in ports.items()}
    return Cloud(
        ROOT / "scripts" / "gcp.Procfile",
        addresses | {"live": f"ws://{HOST}:{ports['live']}{WEBSOCKET_PATH}"},
        tuple(ports.values()),
        # Live connections are a process that follows the events by itself.
        {
            type_: _each([_pushed(addresses[unit]) for unit in units if unit != "live"])
            for type_, units in WOKEN.items()
        },
    )


def aws(port: int) -> Cloud:
    """serverless-offline: the HTTP API at `port`, then Lambda's own interface, the WebSocket, and moto.

    Raises:
        ConfigError: where it is not installed.
    """
    if not OSLS.exists():
        raise ConfigError("serverless-offline is not here: make osls")
    calls = f"http://{HOST}:{port + 1}/2015-03-31/functions/vayu-local-{{}}/invocations"
    called = ("collect", "forecast", "retention", "alerts")
    return Cloud(
        ROOT / "scripts" / "aws.Procfile",
        {"api": f"http://{HOST}:{port}"}
        | {unit: calls.format(unit) for unit in called}
        | {"live": f"ws://{HOST}:{port + 2}"},
        tuple(range(port, port + 4)),
        {
            type_: _each([_batched(calls.format(unit)) for unit in units])
            for type_, units in WOKEN.items()
            if "train" not in units
        },
        prepare=lambda: _make_table(f"http://{HOST}:{port + 3}"),
    )


def _make_table(aws: str) -> None:
    """The table of live connections in moto, whose tables end with it."""
    import boto3

    client = boto3.client(
        "dynamodb",
        endpoint_url=aws,
        region_name="ap-south-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",  # noqa: S106 — moto takes any
    )
    client.create_table(
        TableName="vayu-local-live",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.close()


def _each(handlers: Sequence[Handler]) -> Handler:
    """What hands a message over to several functions: where one does not take it, all get it again, as they may."""

    def hand_over(message: Message) -> Mapping[str, object]:
        outcome: dict[str, object] = {}
        failures = []
        with ThreadPoolExecutor() as pool:
            for waiting in [pool.submit(handler, message) for handler in handlers]:
                try:
                    outcome |= waiting.result()
                except Transient as error:
                    failures.append(str(error))
        if failures:
            raise Transient("; ".join(failures))
        return outcome

    return hand_over


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
            stack.callback(_join, workers)
            logs = resources.settings.home / "logs"
            env = environment(resources, cloud.ports[0])
            processes = Processes(cloud.procfile, env, logs, lock, cwd=ROOT, log_prefix="emulated-")
            stack.callback(processes.stop)
            stack.callback(stop.set)
            for name in processes.names():
                processes.start(name)
            _await(cloud.ports, processes)
            cloud.prepare()
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
