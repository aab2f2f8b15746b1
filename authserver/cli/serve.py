"""`authserver serve`: production."""

from __future__ import annotations

import functools

import click

from authserver.cli import addresses, notices, opening, output
from authserver.config import Settings
from authserver.errors import BadSettings


@click.command()
@click.option("--host", help="Address to bind; the default is 127.0.0.1.")
@click.option("--port", type=int, help="Port to bind; the default is 8000.")
@click.option("--workers", type=int, help="Worker processes.")
@click.option("--threads", type=int, help="Blocking threads of each worker.")
def command(host: str | None, port: int | None, workers: int | None, threads: int | None) -> None:
    """Serve in production: SIGTERM drains, a second signal stops at once."""
    settings = opening.settings(host=host, port=port, workers=workers, threads=threads)
    require_complete(settings)
    from authserver.cli import serving
    from authserver.domain.ground import timekeeping
    from authserver.domain.running import schema, telemetry
    from authserver.observability import metrics

    addresses.require_free(settings.host, settings.port)
    with opening.opened(settings, any_schema=True):
        schema.ensure()
        timekeeping.learn()
        opening.warn_of_settings()
        metrics.new_folder()
        serve_metrics(settings)
        addresses.await_first_worker(settings.host, settings.port)
        own = addresses.own(settings.host)
        notices.when(addresses.listening, functools.partial(notices.is_healthy, own, settings.port))
        sent = telemetry.send_figures()
        serving.run(settings)
        sent()
        timekeeping.let_go()


def serve_metrics(settings: Settings) -> None:
    """Answer operators beside the server, from this process. Raises BadSettings if the address is taken."""
    from authserver.domain.running import standing
    from authserver.edge import readiness
    from authserver.observability import metrics

    bind = settings.metrics_bind
    readiness.follow(addresses.listening.is_set)
    try:
        if metrics.serve(bind, readyz=readiness.explained) is not None:
            standing.watch()
    except OSError as error:
        raise BadSettings(f"metrics_bind: {bind} is not free ({error.strerror}); `off` is allowed") from None


def require_complete(settings: Settings) -> None:
    """Raise NotReady with everything that is missing, each with the line that gives it."""
    missing = []
    if not settings.secret_key:
        missing.append('a secret key: export AUTHSERVER_SECRET_KEY="$(openssl rand -base64 48)"')
    if settings.demo:
        missing.append("an installation that is not the demo's")
    if missing:
        raise output.NotReady("Not ready to serve. Missing: " + "; ".join(missing))
