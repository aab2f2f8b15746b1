"""Bytes that anybody may read, as they are and compressed, made when what they say changes."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """Never hold here what a secret or a word of the asker is part of: its length would tell it (BREACH)."""

    body: bytes
    tag: str
    packed: bytes = b""  # by gzip; empty where that gains nothing

    @classmethod
    def of(cls, body: bytes) -> Document:
        """The document that says this."""
        packed = gzip.compress(body, 9, mtime=0)
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', packed if len(packed) < len(body) else b"")

    @property
    def packed_tag(self) -> str:
        """The compressed form is another representation, so it has a tag of its own (RFC 9110 section 8.8.3)."""
        return f'{self.tag[:-1]}-gzip"'
