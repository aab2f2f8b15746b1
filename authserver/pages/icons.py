"""GET /favicon.svg, /favicon.ico and /apple-touch-icon.png: the mark in the colour of the brand."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flask import Blueprint, Response, request

from authserver import config
from authserver.edge import documents, exchange, lane
from authserver.lib import icons
from authserver.lib.documents import Document

blueprint = Blueprint("icons", __name__)
DAY = 24 * 3600


@blueprint.get("/favicon.svg")
def svg() -> Response:
    """For browsers that take it."""
    return _sent(icons.svg, "image/svg+xml; charset=utf-8")


@blueprint.get("/favicon.ico")
def ico() -> Response:
    """For everything that asks for it by itself."""
    return _sent(icons.ico, "image/x-icon")


@blueprint.get("/apple-touch-icon.png")
def touch() -> Response:
    """For home screens."""
    return _sent(icons.png, "image/png")


def _sent(draw: Callable[[str], bytes], content_type: str) -> Response:
    document = _drawn(draw, config.current().accent or icons.PINE)
    caching = documents.public(DAY)
    return lane.as_flask(documents.answer(exchange.read(request.environ), document, content_type, caching=caching))


@functools.lru_cache(maxsize=16)
def _drawn(draw: Callable[[str], bytes], colour: str) -> Document:
    return Document.of(draw(colour))
