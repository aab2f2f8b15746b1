"""Pictures of strangers made anew: small, a PNG, without whatever else a file may hold (contract 11.54)."""

from __future__ import annotations

import io
from typing import Any

SIDE = 128
"""Pixels of a picture's longer side, once it is made anew."""
MAX_SIDE = 1024
MAX_SCANS = 64
"""Of a JPEG: each is a pass over the whole picture, and fits into a few bytes."""
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_KINDS = "PNG, JPEG, GIF or WebP"
_SVG = (b"<svg", b"<?xml", b"<!doctype svg", b"<!--")
_TOO_LARGE = f"This picture is too large. Choose one of at most {MAX_SIDE} by {MAX_SIDE} pixels."
_START_OF_SCAN = b"\xff\xda"


class BadPicture(ValueError):
    """What cannot be shown; the text says why, to whoever chose it."""


def as_png(data: bytes) -> bytes:
    """The first frame of a picture, scaled down, as a PNG of pixels alone. Raises BadPicture.

    Its size is judged before a pixel of it is unpacked.
    """
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_SVG):
        raise BadPicture(f"An SVG can hold scripts, and is not shown. Choose a {_KINDS}.")
    if data.count(_START_OF_SCAN) > MAX_SCANS:
        raise BadPicture("This picture is too much work to read. Choose one that is saved in the ordinary way.")
    try:
        return _made_anew(data)
    except BadPicture:
        raise
    except Exception:  # whatever a reader of broken files raises: it is no picture
        raise BadPicture(f"This cannot be read as a picture. Choose a {_KINDS}.") from None


def _made_anew(data: bytes) -> bytes:
    from PIL import Image

    try:
        return _shrunk(Image, data)
    except Image.DecompressionBombError:  # a size that not even its reader likes
        raise BadPicture(_TOO_LARGE) from None


def _shrunk(reader: Any, data: bytes) -> bytes:
    with reader.open(io.BytesIO(data), formats=FORMATS) as image:
        _require_small(image)
        image.draft("RGB", (SIDE, SIDE))  # a JPEG is read at the size that is needed
        pixels = image.convert("RGBA")
    pixels.thumbnail((SIDE, SIDE))
    clean = reader.new("RGBA", pixels.size)  # without comments, profiles and the like
    clean.paste(pixels)
    out = io.BytesIO()
    clean.save(out, "PNG", optimize=True)
    return out.getvalue()


def _require_small(image: Any) -> None:
    if max(image.size) > MAX_SIDE:
        raise BadPicture(_TOO_LARGE)
