"""The assembled servers of a process: one for each kind of database and each set of settings that tests ask for."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any
from unittest import mock

from flask import Flask
from sqlalchemy import Engine

from authserver import config, create_app, engines, install
from authserver.config import Settings
from tests.support import lean
from tests.support.emptied import Emptied
from tests.support.memory import Memory

TEMPLATES = lean.CompiledOnce()
AT_MOST = 24  # a server is some megabytes
_servers: OrderedDict[Settings, Flask] = OrderedDict()


@contextlib.contextmanager
def server(settings: Settings, emptied: Emptied, memory: Memory) -> Iterator[Flask]:
    """The server of these settings for one test, on the database that the process keeps.

    Engines that the test's own commands made are closed with it.
    """
    engine = emptied.engine(settings)
    others: list[Engine] = []
    with config.using(settings), _engines_kept_in(others):
        with mock.patch.object(engines, "build", lambda _settings, **_more: engine):
            if settings in _servers:
                install(settings)
            else:
                _servers[settings] = _assemble(settings)
                memory.keep_contents()
        _servers.move_to_end(settings)
        yield _servers[settings]
    for other in others:
        other.dispose()
    while len(_servers) > AT_MOST:
        _servers.popitem(last=False)


def _assemble(settings: Settings) -> Flask:
    built = create_app(settings)
    built.jinja_env.bytecode_cache = TEMPLATES
    built.config["TESTING"] = False  # errors become answers, as in production
    built.config["SERVER_NAME"] = settings.host_name  # test browsers ask under the issuer's name
    built.config["PREFERRED_URL_SCHEME"] = settings.issuer.partition(":")[0]
    return built


@contextlib.contextmanager
def _engines_kept_in(others: list[Engine]) -> Iterator[None]:
    build = engines.build

    def note(settings: Settings, **more: Any) -> Engine:
        others.append(build(settings, **more))
        return others[-1]

    with mock.patch.object(engines, "build", note):
        yield
