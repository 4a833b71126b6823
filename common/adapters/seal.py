"""Addresses and secrets at rest, sealed by libsodium's secret box (XSalsa20-Poly1305) through PyNaCl.

PyNaCl is 1.7 MB of a function's zip; cryptography, with OpenSSL in it, would be three times that.
"""

from __future__ import annotations

import hashlib
import hmac

from common.domain.errors import ConfigError

KEY_BYTES = 32
_ENCRYPT = b"vayu alerts: encryption"
_DIGEST = b"vayu alerts: digests"


class Sealer:
    """A `common.ports.Seal` under VAYU_ALERTS_KEY; the library is loaded at the first use."""

    def __init__(self, key: bytes) -> None:
        """`key`: `KEY_BYTES` random bytes. What encrypts and what hashes are keys of their own, made of it."""
        self._encrypts = hmac.digest(key, _ENCRYPT, "sha256")
        self._digests = hmac.digest(key, _DIGEST, "sha256")

    def seal(self, plain: bytes) -> bytes:
        """Encrypted and authenticated; never the same twice."""
        from nacl.secret import SecretBox

        return bytes(SecretBox(self._encrypts).encrypt(plain))

    def open(self, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            ConfigError: when it was sealed under another key, or changed since.
        """
        from nacl.exceptions import CryptoError
        from nacl.secret import SecretBox

        try:
            return SecretBox(self._encrypts).decrypt(bytes(sealed))
        except (CryptoError, ValueError) as error:
            raise ConfigError(
                "VAYU_ALERTS_KEY is not the key under which the addresses of alerts were stored"
            ) from error

    def digest(self, purpose: str, data: bytes) -> bytes:
        """32 bytes by which to compare, or to prove, what `data` were; another for each purpose and key."""
        return hmac.digest(self._digests, b"%d:%s:" % (len(purpose), purpose.encode()) + data, hashlib.sha256)
