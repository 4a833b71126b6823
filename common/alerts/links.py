"""What links in mails carry: whose they are, and a proof that we made them. Nothing of it is stored."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from common.ports import Seal

CONFIRM_WITHIN = timedelta(hours=48)
TOKEN_MARK = "va_"  # noqa: S105 — how the tokens of e-mail owners begin
_PROOF_BYTES = 20


class ConfirmLink(NamedTuple):
    """What a link to confirm an address carries."""

    rule: UUID
    until: datetime
    proof: bytes


def confirm_token(seal: Seal, rule: UUID, address_digest: bytes, until: datetime) -> str:
    """Proves that whoever has it reads the mail of that address; for one rule, until then."""
    body = rule.bytes + int(until.timestamp()).to_bytes(5)
    return _text(body + _proof(seal, "confirm", body + address_digest))


def read_confirm_token(token: str) -> ConfirmLink | None:
    """What a token says; None where it is none. `is_proven` tells whether it is ours."""
    data = _bytes(token)
    if len(data) != 21 + _PROOF_BYTES:
        return None
    return ConfirmLink(
        UUID(bytes=data[:16]), datetime.fromtimestamp(int.from_bytes(data[16:21]), UTC), data[21:]
    )


def is_proven(seal: Seal, link: ConfirmLink, address_digest: bytes) -> bool:
    """Whether we sent this link to the address of that digest."""
    body = link.rule.bytes + int(link.until.timestamp()).to_bytes(5)
    return compare_digest(link.proof, _proof(seal, "confirm", body + address_digest))


def unsubscribe_token(seal: Seal, rule: UUID) -> str:
    """Lets whoever has it end a rule; for as long as the rule is there."""
    return _text(rule.bytes + _proof(seal, "unsubscribe", rule.bytes))


def read_unsubscribe_token(seal: Seal, token: str) -> UUID | None:
    """The rule that a token ends; None where it is not ours."""
    data = _bytes(token)
    if len(data) != 16 + _PROOF_BYTES or not compare_digest(
        data[16:], _proof(seal, "unsubscribe", data[:16])
    ):
        return None
    return UUID(bytes=data[:16])


def management_token(seal: Seal, owner: UUID) -> str:
    """By which the owner of an e-mail address manages his alerts: the same whenever it is made."""
    return TOKEN_MARK + _text(
        owner.bytes + _proof(seal, "manage", owner.bytes) + _proof(seal, "more", owner.bytes)[:8]
    )


def _proof(seal: Seal, purpose: str, data: bytes) -> bytes:
    return seal.digest(purpose, data)[:_PROOF_BYTES]


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(token: str) -> bytes:
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (Error, ValueError):
        return b""
    return data if _text(data) == token else b""
