"""Fixtures of every test: a database, an app, and the cast.

Alice owns, Bob is a colleague, Mallory must never succeed.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import config, create_app, database
from authserver.config import Settings
from authserver.domain.ground import usage
from authserver.domain.insight import refusals
from authserver.domain.people import users
from authserver.models import User
from tests.support import databases, lean, long_sets
from tests.support.served import served, served_strictly  # noqa: F401  # fixtures

KINDS = os.environ.get("TEST_DATABASES", "sqlite,postgresql").split(",")
PASSWORD = "a walk along the river bank"
TEMPLATES = lean.CompiledOnce()
lean.collect_garbage_rarely()
lean.build_urls_when_asked()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long texts and bytes, many of them random, make no names: every worker must collect the same ones."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 30) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long sets run only when asked for by their marker or their own file."""
    unasked = long_sets.left_out(items, config.option.markexpr, config.args)
    config.hook.pytest_deselected(items=unasked)
    items[:] = [item for item in items if item not in unasked]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """CI gives the long sets what is left of its time."""
    long_sets.skip_if_out_of_time(item)


@dataclass(frozen=True)
class Person:
    """One of the cast, and the password they sign in with."""

    user: User
    password: str = PASSWORD

    @property
    def id(self) -> str:
        return self.user.id

    @property
    def email(self) -> str:
        return self.user.email


@pytest.fixture(autouse=True, scope="session")
def _cheap_hashing() -> None:
    databases.cheap_hashing()


@pytest.fixture(autouse=True, scope="session")
def _refusals_are_written_when_asked_for() -> None:
    """Not a moment later by a thread of their own, in the midst of another test; `tests/served` has the real thing."""
    refusals._writer.start = lambda: None


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database: each test runs on SQLite and on PostgreSQL."""
    with databases.fresh(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Settings that differ in this test: define a fixture of this name in a module, class or by parametrize."""
    return {}


@pytest.fixture
def settings(database_url: str, overrides: dict[str, Any], tmp_path: Path) -> Settings:
    plain = Settings(
        database_url=database_url,
        secret_key=databases.SECRET_KEY,
        issuer=databases.ISSUER,
        data_dir=str(tmp_path),
        log_level="ERROR",
    )
    return dataclasses.replace(plain, **overrides)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The assembled server; its settings and its database are those of the process until the test ends."""
    built = create_app(settings)
    built.jinja_env.bytecode_cache = TEMPLATES
    built.config["TESTING"] = False  # errors become answers, as in production
    built.config["SERVER_NAME"] = settings.host_name  # test browsers ask under the issuer's name
    built.config["PREFERRED_URL_SCHEME"] = settings.issuer.partition(":")[0]
    _forget_what_was_counted()  # by an earlier test, and would be written into this one's database
    with config.using(settings):
        yield built
    database.engine().dispose()


def _forget_what_was_counted() -> None:
    for kept in (usage._counts, usage._uses, refusals._pending):
        kept.clear()


@pytest.fixture
def browser(app: Flask) -> Callable[[], FlaskClient]:
    """Makes browsers: each keeps its own cookies and asks under the issuer's name."""

    def make() -> FlaskClient:
        client = app.test_client()
        client.environ_base["HTTP_USER_AGENT"] = (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        )
        return client

    return make


@pytest.fixture
def http(browser: Callable[[], FlaskClient]) -> FlaskClient:
    """One browser, or one program."""
    return browser()


@pytest.fixture
def statements() -> Callable[[], Any]:
    """`with statements() as sent:` lists the SQL statements of the block."""
    return databases.counted_statements


def _person(email: str, name: str, role: str = "user") -> Person:
    return Person(users.create(email, name=name, role=role, password=PASSWORD))


@pytest.fixture
def alice(app: Flask) -> Person:
    return _person("alice@example.test", "Alice Martin")


@pytest.fixture
def bob(app: Flask) -> Person:
    return _person("bob@example.test", "Bob Stone")


@pytest.fixture
def mallory(app: Flask) -> Person:
    return _person("mallory@example.test", "Mallory Vane")


@pytest.fixture
def ada(app: Flask) -> Person:
    """An administrator."""
    return _person("ada@example.test", "Ada Root", role="admin")
