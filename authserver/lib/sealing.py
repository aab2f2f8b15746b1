"""Secrets at rest and keys for one purpose each: HKDF, AES-256-GCM, HMAC-SHA-256 (security.md 7.4).

A sealed blob is: version (1 byte), key id (4 bytes), nonce (12 bytes), ciphertext with tag.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

from authserver.lib import secrets

# The library is imported by what seals, opens or derives: many commands do none of it.
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY_ID = 4
_NONCE = 12
_HEAD = 1 + _KEY_ID


class SealBroken(Exception):
    """A sealed value can't be opened. Says the same whatever the cause, so that it is no oracle."""

    def __init__(self) -> None:
        super().__init__("sealed value can't be opened")


def derive(master: bytes, label: str, length: int = 32) -> bytes:
    """A key of `length` bytes for the one purpose that `label` names (HKDF-SHA-256, RFC 5869).

    Raises ValueError for an empty master.
    """
    if not master:
        raise ValueError("an empty master key derives nothing")
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=length, salt=None, info=label.encode()).derive(master)


def key_id(key: bytes) -> bytes:
    """Four bytes that tell which key sealed a value, without telling the key."""
    return hashlib.sha256(b"sealing key id\x00" + key).digest()[:_KEY_ID]


def seal(key: bytes, plaintext: bytes, aad: str) -> bytes:
    """Encrypt with a 32-byte key, bound to `aad`, which names the place: table, row, column."""
    head = _VERSION + key_id(key)
    nonce = secrets.random_bytes(_NONCE)
    return head + nonce + _aes256_gcm(key).encrypt(nonce, plaintext, head + aad.encode())


def open_sealed(keys: Sequence[bytes], blob: bytes, aad: str) -> bytes:
    """Decrypt with that one of `keys` which sealed the blob. Raises SealBroken whatever is wrong."""
    from cryptography.exceptions import InvalidTag

    head, nonce, ciphertext = blob[:_HEAD], blob[_HEAD : _HEAD + _NONCE], blob[_HEAD + _NONCE :]
    for key in keys:
        if head == _VERSION + key_id(key):
            try:
                return _aes256_gcm(key).decrypt(nonce, ciphertext, head + aad.encode())
            except (InvalidTag, ValueError):
                continue
    raise SealBroken


def sign(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes. Raises ValueError for an empty key (class C5)."""
    if not key:
        raise ValueError("an empty key signs nothing")
    return hmac.digest(key, message, "sha256")


def verify(keys: Sequence[bytes], message: bytes, tag: bytes) -> bool:
    """Whether one of `keys` made `tag`, in constant time. Empty keys never verify."""
    return any(hmac.compare_digest(sign(key, message), tag) for key in keys if key)


def seal_with_token(token: str, plaintext: str) -> bytes:
    """Encrypt so that only who presents `token` can read it: the database, which has digests, can't."""
    nonce = secrets.random_bytes(_NONCE)
    return _VERSION + nonce + _token_cipher(token).encrypt(nonce, plaintext.encode(), _VERSION)


def open_with_token(token: str, blob: bytes) -> str | None:
    """What `seal_with_token` hid behind this token, or None."""
    from cryptography.exceptions import InvalidTag

    if blob[:1] != _VERSION:
        return None
    try:
        return _token_cipher(token).decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], _VERSION).decode()
    except (InvalidTag, ValueError):
        return None


def _token_cipher(token: str) -> AESGCM:
    return _aes256_gcm(derive(b"token\x00" + token.encode("utf-8", "surrogatepass"), "sealed with a token"))


def _aes256_gcm(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(key) != 32:
        raise ValueError("a sealing key has 32 bytes")
    return AESGCM(key)
