"""What a command needs before it can work: settings, the database, and a schema that fits."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from authserver import config
from authserver.cli.output import NotReady
from authserver.config import Settings
from authserver.errors import BadSettings

DEMO_FOLDER = Path("var/demo")

_file: Path | None = None
_demo = False


def choose(file: Path | None, demo: bool) -> None:
    """Which installation this run is about: `--config FILE`, or `--demo` for the demo's."""
    global _file, _demo
    _file, _demo = file, demo
    if demo and not (DEMO_FOLDER / "authserver.toml").exists():
        raise BadSettings("--demo: there is no demo here yet; `authserver demo` makes it")


def words() -> list[str]:
    """The words that choose the same installation for another process."""
    return ["--demo"] if _demo else ["--config", str(_file)] if _file else []


def settings(**flags: Any) -> Settings:
    """Read the settings of this run; flags win."""
    if _demo:
        return dataclasses.replace(config.load({}, DEMO_FOLDER / "authserver.toml", **flags), demo=True)
    return config.load(file=_file, **flags)


def as_owner(chosen: Settings) -> Settings:
    """The same installation, opened by the role that owns the schema, where that is another one."""
    if not chosen.migrate_database_url:
        return chosen
    return dataclasses.replace(chosen, database_url=chosen.migrate_database_url)


def grant_to_server(chosen: Settings) -> None:
    """Inside a block opened as owner: the server's role gets its rights in whatever the schema has now."""
    if not chosen.migrate_database_url:
        return
    from sqlalchemy import make_url

    from authserver.domain.running import roles

    server, owner = (make_url(each.sqlalchemy_url).username for each in (chosen, as_owner(chosen)))
    if server and server != owner:
        roles.grant(server)


def sources() -> dict[str, str]:
    """Where each setting was set."""
    return config.sources({}, DEMO_FOLDER / "authserver.toml") if _demo else config.sources(file=_file)


def exposed_secrets() -> dict[str, Path]:
    """Files with secrets of this run that every account of the machine may read, by the setting."""
    return config.exposed_secrets({}, DEMO_FOLDER / "authserver.toml") if _demo else config.exposed_secrets(file=_file)


def warn_of_settings() -> None:
    """A line in the log for what an operator should know of the settings, at the start of what runs for long."""
    from authserver.observability import logs

    for name, path in exposed_secrets().items():
        logs.event(
            "secret_exposed", level="warning", setting=name, msg=f"every account of this machine may read {path}"
        )
    if names := config.ignored():
        logs.event(
            "variables_ignored",
            variables=names,
            msg="Kubernetes sets these for a Service, they are no settings; enableServiceLinks: false keeps them away",
        )


@contextlib.contextmanager
def opened(chosen: Settings | None = None, *, any_schema: bool = False) -> Iterator[Settings]:
    """Install settings and database for a block that acts as `cli`; a schema that does not fit is NotReady."""
    from authserver import database, install
    from authserver.domain.ground import timekeeping
    from authserver.observability import context

    if chosen is None:
        chosen = settings()
    with config.using(chosen), context.using(context.Context(actor="cli")):
        install(chosen)
        try:
            if not any_schema:
                require_current_schema()
            if not (any_schema and chosen.sqlite):  # its clock is a table
                timekeeping.learn()
            yield chosen
        finally:
            database.engine().dispose()


def document() -> dict[str, Any]:
    """The OpenAPI document of this installation."""
    from authserver import describe

    return describe(settings())


def require_current_schema() -> None:
    """Raise NotReady, naming the command that helps, unless the schema is this version's."""
    from authserver.domain.running import schema

    status = schema.status()
    if not status.fits:
        raise NotReady(status.sentence)
