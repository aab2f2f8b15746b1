"""GET /logos/<digest>.png: the logo of an app, kept for good by its digest (contract 11.54)."""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort

from authserver.domain.clients import logos
from authserver.edge import headers
from authserver.edge.static_files import FOREVER

blueprint = Blueprint("logos", __name__)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@blueprint.get("/logos/<digest>.png")
def show(digest: str) -> Response:
    """The picture and nothing that a browser could run."""
    png = logos.find(digest) if _DIGEST.fullmatch(digest) else None
    if png is None:
        abort(404)
    response = Response(png, content_type="image/png")
    response.headers["Cache-Control"] = FOREVER
    response.headers["Content-Security-Policy"] = headers.MACHINE_CSP
    return response
