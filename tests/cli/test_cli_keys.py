"""`vayu keys`: a token is shown once, kept as its hash, listed by its beginning, and revoked."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from commands import complaint, parsed

from common.store.engine import Database, run

if TYPE_CHECKING:
    from commands import Vayu


def test_a_token_is_shown_once_and_kept_as_its_hash(vayu: Vayu, database: Database) -> None:
    made = parsed(vayu("keys", "create", "dashboard", "--json"))
    token = made["token"]
    assert token.startswith("vayu_")
    assert len(token) == 48
    assert made["scopes"] == ["read"]
    assert made["expires_at"] is None
    with database.transaction() as connection:
        [(digest, whole)] = run(connection, "SELECT hash, CAST(to_jsonb(api_key) AS text) FROM api_key")
    assert bytes(digest) == sha256(token.encode()).digest()
    assert token not in whole
    for result in (vayu("keys", "list"), vayu("keys", "list", "--json")):
        assert result.exit_code == 0
        assert token[:13] in result.output
        assert token[13:] not in result.output


def test_the_token_alone_goes_to_standard_output(vayu: Vayu) -> None:
    result = vayu("keys", "create", "ops", "--scope", "retrain", "--scope", "read", "--expires", "90d")
    assert result.exit_code == 0
    assert len(result.stdout.split()) == 1
    assert result.stdout.startswith("vayu_")
    assert "ops may read, retrain, until" in result.stderr
    [listed] = parsed(vayu("keys", "list", "--json"))["keys"]
    assert listed["scopes"] == ["read", "retrain"]
    assert listed["state"] == "in force"
    assert listed["expires_at"] > listed["created_at"]


def test_two_tokens_have_nothing_in_common(vayu: Vayu) -> None:
    first, second = (parsed(vayu("keys", "create", name, "--json"))["token"] for name in ("a", "b"))
    assert sum(a == b for a, b in zip(first[5:], second[5:], strict=True)) < 12


@pytest.mark.parametrize("by", ["name", "prefix"])
def test_a_key_is_revoked_by_its_name_or_beginning(vayu: Vayu, by: str) -> None:
    made = parsed(vayu("keys", "create", "gone", "--json"))
    assert "is revoked" in vayu("keys", "revoke", made[by]).stdout
    first = parsed(vayu("keys", "list", "--json"))["keys"]
    assert [reading["state"] for reading in first] == ["revoked"]
    assert parsed(vayu("keys", "revoke", made[by], "--json"))["revoked_at"] == first[0]["revoked_at"]
    parsed(vayu("keys", "create", "gone", "--json"))
    assert [key["state"] for key in parsed(vayu("keys", "list", "--json"))["keys"]] == ["in force", "revoked"]


def test_what_cannot_be_done_is_told(vayu: Vayu) -> None:
    parsed(vayu("keys", "create", "once", "--json"))
    assert "there is a key named 'once' already" in complaint(vayu("keys", "create", "once"), 1)
    assert "vayu keys list" in complaint(vayu("keys", "revoke", "nobody"), 1)
    assert vayu("keys", "create", " ").exit_code == 2
    assert vayu("keys", "create", "x", "--scope", "everything").exit_code == 2
    assert vayu("keys", "create", "x", "--expires", "soon").exit_code == 2
