"""Reading: values come back as they went, limits and sentences, lost connections, and no way to write."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, StatementError
from tcp_proxy import Wire

from common.domain.errors import StoreError
from common.store.engine import Database, run
from common.store.errors import BUSY, NO_TABLE, TOO_SLOW, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warm import Watcher

TIME = datetime(2025, 11, 5, 10, 30, 0, 250000, tzinfo=UTC)
SHOWN = "SELECT CAST(:{0} AS {1}) AS a, pg_typeof(CAST(:{0} AS {1}))::text"


@pytest.fixture
def impatient(database_url: str) -> Iterator[Database]:
    made = Database(database_url, readers=2, statement_timeout_s=1, connect_timeout_s=1)
    yield made
    made.close()


def rows_of(database: Database, sql: str, **params: Any) -> list[tuple[Any, ...]]:
    with database.reading() as connection:
        return list(run(connection, sql, **params))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "it's \"quoted\" \\ $1 :name ; --"), ("text", ""), ("text", None), ("int", -5), ("bigint", 2**40),
        ("float8", 1.25), ("real", 0.5), ("numeric", Decimal("1.10")), ("boolean", True), ("date", date(2025, 11, 5)),
        ("timestamptz", TIME), ("text[]", ["a", None, 'b,"c\\']), ("int[]", [1, 2]), ("real[]", [1.5, None]),
        ("int[]", []), ("float8[]", [[0.1, 1e-9], [2.0, None]]), ("float8[]", [math.inf, 1e300]),
        ("boolean[]", [True, None]), ("date[]", [date(2025, 11, 5), None]), ("json", {"a": [1, None]}),
    ],
)  # fmt: skip
def test_values_come_back_as_they_went(database: Database, kind: str, value: Any) -> None:
    names = {"int": "integer", "float8": "double precision", "timestamptz": "timestamp with time zone"}
    name = names.get(kind.removesuffix("[]"), kind.removesuffix("[]")) + "[]" * kind.endswith("[]")
    with database.transaction() as connection:
        rows = run(connection, SHOWN.format("value", kind), value=value)
    assert rows_of(database, SHOWN.format("value", kind), value=value) == rows == [(value, name)]


def _not_null_misspelt(text: str) -> bool:
    # pg8000 1.31 quotes the word NULL in an array only as it stands here; the server takes "null" for it, too. Arrays
    # of ours hold names of cities, kinds and scopes, which come from lists of our own.
    return text == "NULL" or text.upper() != "NULL"


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(_not_null_misspelt)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(TEXTS | st.none()),
    st.lists(st.floats(allow_nan=False) | st.none()),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()),
)
def test_arrays_come_back_as_they_went(
    database: Database, texts: list[str | None], floats: list[float | None], numbers: list[int | None]
) -> None:
    sql = "SELECT CAST(:texts AS text[]), CAST(:floats AS float8[]), CAST(:numbers AS bigint[])"
    assert rows_of(database, sql, texts=texts, floats=floats, numbers=numbers) == [(texts, floats, numbers)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_value_is_never_part_of_the_statement(database: Database, value: str) -> None:
    assert rows_of(database, "SELECT CAST(:a AS text), 'x'::text, CAST(:a AS text)", a=value) == [
        (value, "x", value)
    ]


def test_statements_without_rows_and_with_many(database: Database) -> None:
    assert rows_of(database, "SELECT 1 WHERE false") == []
    assert len(rows_of(database, "SELECT generate_series(1, :n)", n=5000)) == 5000


def test_nothing_can_be_written(database: Database) -> None:
    with pytest.raises(StoreError), database.reading() as connection:
        run(connection, "INSERT INTO meta (key, value) VALUES ('a', '')")
    assert rows_of(database, "SELECT count(*) FROM meta WHERE key = 'a'") == [(0,)]


def test_a_fault_of_the_statement_is_sqlalchemys_and_costs_no_connection(
    database: Database, watcher: Watcher
) -> None:
    pid = rows_of(database, "SELECT pg_backend_pid()")
    with pytest.raises(DBAPIError):
        rows_of(database, "SELECT nonsense")
    with pytest.raises(StoreError, match=NO_TABLE[:20]):
        rows_of(database, "SELECT * FROM nowhere")
    with pytest.raises(StatementError):
        rows_of(database, "SELECT :missing")
    with pytest.raises(UnicodeEncodeError):
        rows_of(database, "SELECT CAST(:half AS text)", half="\ud800")
    assert rows_of(database, "SELECT pg_backend_pid()") == pid


def test_a_statement_has_its_time_and_the_limit_ends_with_it(impatient: Database) -> None:
    with pytest.raises(StoreError, match=TOO_SLOW):
        rows_of(impatient, "SELECT pg_sleep(30)")
    assert rows_of(impatient, "SELECT current_setting('statement_timeout')") == [("1s",)]


def test_sessions_that_the_server_ended_are_replaced_unseen(database: Database, watcher: Watcher) -> None:
    for _ in range(3):
        with database.reading() as connection:
            run(connection, "SELECT 1")
            assert watcher.end_sessions() == 1
            assert run(connection, "SELECT 2") == [(2,)]
        assert watcher.end_sessions() == 1


def test_a_network_that_falls_silent_is_given_up_in_time_and_the_next_read_is_answered(
    database_url: str,
) -> None:
    with Wire(database_url) as wire:
        wired = Database(wire.url, statement_timeout_s=1, connect_timeout_s=1)
        with pytest.raises(StoreError, match=UNREACHABLE[:30]):
            _write_into_silence(wired, wire)
        with wired.reading() as connection:
            assert run(connection, "SELECT 1") == [(1,)]
            wire.silence()
            assert run(connection, "SELECT 1") == [(1,)]
        assert rows_of(wired, "SELECT 1") == [(1,)]
        wire.silence()
        assert rows_of(wired, "SELECT 1") == [(1,)]
        wire.cut()
        assert rows_of(wired, "SELECT 1") == [(1,)]
        wired.close()


def _write_into_silence(database: Database, wire: Wire) -> None:
    with database.transaction() as connection:
        assert run(connection, "SELECT 1") == [(1,)]
        wire.silence()
        run(connection, "SELECT 1")


def test_no_server_is_told(tmp_path: object) -> None:
    nowhere = Database(f"postgresql+pg8000://nobody@/none?host={tmp_path}", connect_timeout_s=1)
    with pytest.raises(StoreError, match=UNREACHABLE[:30]):
        rows_of(nowhere, "SELECT 1")


def test_many_share_what_a_process_may_have_and_who_waits_too_long_is_told(
    impatient: Database, watcher: Watcher
) -> None:
    def work(_: int) -> int:
        [(pid,)] = rows_of(impatient, "SELECT pg_backend_pid() FROM pg_sleep(0.005)")
        return int(pid)

    with ThreadPoolExecutor(8) as pool:
        pids = set(pool.map(work, range(40)))
    assert len(pids) == 2

    both, done = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with impatient.reading():
            both.wait(10)
            done.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    both.wait(10)
    with pytest.raises(StoreError, match=BUSY[:20]), impatient.reading():
        pass
    done.set()
    for thread in threads:
        thread.join()
    assert rows_of(impatient, "SELECT 1") == [(1,)]
