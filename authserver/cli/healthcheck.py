"""`authserver healthcheck`: for containers and scripts."""

from __future__ import annotations

import http.client
import json
from typing import Any

import click

from authserver.cli import opening, output


@click.command()
@click.option("--host", help="Where the server listens; the default is the setting.")
@click.option("--port", type=int)
@click.option("--live", is_flag=True, help="Only whether the process answers.")
def command(host: str | None, port: int | None, live: bool) -> None:
    """Ask a running server whether it is ready; exit code 4 if it is not."""
    settings = opening.settings()
    where = host or ("127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host)  # noqa: S104  # asked about, not bound
    status, answer = ask(where, port or settings.port, "/healthz" if live else "/readyz")
    output.emit(answer, answer["status"])
    if status != 200:
        raise output.NotReady(_why(settings.metrics_bind))


def _why(bind: str) -> str:
    """The reasons that the metrics bind gives; it is there for this machine alone."""
    there, _, port = bind.rpartition(":")
    try:
        checks = ask(there.strip("[]"), int(port), "/readyz")[1]["checks"]
    except (output.NotReady, ValueError, KeyError):
        return "The server is not ready; its log and `authserver doctor` say why."
    return "; ".join(f"{name}: {said}" for name, said in checks.items() if said != "ok") or "not ready"


def ask(host: str, port: int, path: str, timeout: float = 5) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a health endpoint; raises NotReady when nothing answers."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise output.NotReady(f"Nothing healthy answers on {host}:{port} ({type(error).__name__}).") from None
    finally:
        connection.close()
