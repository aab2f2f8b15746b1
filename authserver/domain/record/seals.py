"""Signatures over points of the audit chain: whoever can write to the database alone cannot make them."""

from __future__ import annotations

from typing import Any

from authserver import keyring
from authserver.lib import sealing
from authserver.models import AuditCheckpoint, AuditHead


def head(seq: int, hash: str) -> bytes:
    """The signature of the chain's end."""
    return _sign("head", seq, hash)


def head_holds(row: AuditHead) -> bool:
    """Whether the end of the chain is where we left it."""
    return _holds("head", row.seq, row.hash, row.signature)


def checkpoint(seq: int, hash: str, at_us: int, *, purged: bool = False) -> dict[str, Any]:
    """The columns of a signed checkpoint; that everything before it was cut away is part of what is signed."""
    signature = _sign("purged" if purged else "checkpoint", seq, hash)
    return {"seq": seq, "hash": hash, "at_us": at_us, "purged": purged, "signature": signature}


def checkpoint_holds(row: AuditCheckpoint) -> bool:
    """Whether we made this checkpoint, under today's secret key or an earlier one that is still known."""
    return _holds("purged" if row.purged else "checkpoint", row.seq, row.hash, row.signature)


def _sign(kind: str, seq: int, hash: str) -> bytes:
    return sealing.sign(keyring.key("audit"), f"{kind} {seq} {hash}".encode())


def _holds(kind: str, seq: int, hash: str, signature: bytes) -> bool:
    return sealing.verify(keyring.keys("audit"), f"{kind} {seq} {hash}".encode(), signature)
