"""What is sealed can be read with its key alone, and what compares addresses gives none away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.adapters.seal import Sealer
from common.domain.errors import ConfigError

SEAL, OTHER = Sealer(bytes(32)), Sealer(b"\x01" * 32)


@given(st.binary(max_size=3000))
def test_what_is_sealed_is_opened_by_its_key_alone(plain: bytes) -> None:
    sealed = SEAL.seal(plain)
    assert SEAL.open(sealed) == plain
    assert sealed != SEAL.seal(plain)
    assert len(plain) < 8 or plain not in sealed
    with pytest.raises(ConfigError, match="VAYU_ALERTS_KEY"):
        OTHER.open(sealed)


@given(st.binary(max_size=60), st.data())
def test_what_was_changed_is_not_opened(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(SEAL.seal(plain))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1
    with pytest.raises(ConfigError):
        SEAL.open(bytes(sealed))
    with pytest.raises(ConfigError):
        SEAL.open(bytes(sealed[: place // 2]))


def test_digests_differ_by_key_purpose_and_data() -> None:
    digests = {
        SEAL.digest("address", b"a"), SEAL.digest("address", b"b"), SEAL.digest("client", b"a"),
        OTHER.digest("address", b"a"), SEAL.digest("address:", b"a"), SEAL.digest("", b"address:a"),
    }  # fmt: skip
    assert len(digests) == 6
    assert SEAL.digest("address", b"a") == Sealer(bytes(32)).digest("address", b"a")
    assert {len(digest) for digest in digests} == {32}
