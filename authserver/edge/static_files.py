"""GET /static/…: the files of every page, joined, named by their hash and compressed once, at assembly."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, request

from authserver import assets
from authserver.edge import documents, exchange, lane, style_sheets
from authserver.lib.documents import Document

ENDPOINT = "static"
FOREVER = "public, max-age=31536000, immutable"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
_HASHED = re.compile(r"(.+)\.([0-9a-f]{12})(\.\w+)")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent, and the name under which it may be kept for good."""

    document: Document
    content_type: str
    hashed_name: str


def init_app(app: Flask) -> None:
    """Read the files, serve them, and let `url_for('static', …)` name their hash."""
    files = read(assets.assets() / "static")

    @app.get("/static/<path:filename>", endpoint=ENDPOINT)
    def serve(filename: str) -> Response:
        # A page of the version before asks by a hash that is gone: it gets today's file, and does not keep it.
        file = files.get(_HASHED.sub(r"\1\3", filename)) or abort(404)
        caching = FOREVER if filename == file.hashed_name else "no-cache"
        return lane.as_flask(
            documents.answer(exchange.read(request.environ), file.document, file.content_type, caching=caching)
        )

    @app.url_defaults
    def name_hash(endpoint: str, args: dict[str, Any]) -> None:
        if endpoint == ENDPOINT and args.get("filename") in files:
            args["filename"] = files[args["filename"]].hashed_name


@functools.lru_cache(maxsize=4)
def read(folder: Path) -> Mapping[str, StaticFile]:
    """All that is served, by the name in the folder; what a style sheet imports is in that sheet."""
    within = {part for sheet in folder.glob("css/*.css") for part in style_sheets.parts(sheet)}
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in within)
    return {path.relative_to(folder).as_posix(): _read(path, folder) for path in found}


def _read(path: Path, folder: Path) -> StaticFile:
    body = style_sheets.joined(path).encode() if path.suffix == ".css" else path.read_bytes()
    document = Document.of(body)
    hashed = path.with_suffix(f".{document.tag[1:13]}{path.suffix}")
    return StaticFile(document, TYPES[path.suffix], hashed.relative_to(folder).as_posix())
