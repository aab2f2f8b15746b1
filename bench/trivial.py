"""The yardstick: a Flask view that does nothing, served exactly as we are served."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from authserver.cli import serving
from authserver.config import Settings
from authserver.edge.front import Front

if TYPE_CHECKING:
    from authserver.domain.running.standing import Board


def load(settings: Settings, stopping: serving.Flag, board: Board, alongside: Any) -> Any:
    """In a worker: the smallest Flask app."""
    from flask import Flask

    app = Flask("trivial")

    @app.post("/")
    def nothing() -> dict[str, bool]:
        return {"active": False}

    @app.get("/readyz")
    def ready() -> str:
        return "ok"

    return Front(app, threads=settings.threads)


if __name__ == "__main__":
    port, workers, threads = map(int, sys.argv[1:])
    serving.load = load  # our own server with another application behind it: every setting is the same
    serving.run(Settings(port=port, workers=workers, threads=threads, issuer=f"http://localhost:{port}"))
