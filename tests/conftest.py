"""Fixtures of every test: a database, an app, and the cast.

Alice owns, Bob is a colleague, Mallory must never succeed.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import pkgutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import authserver
from authserver.config import Settings
from authserver.domain.ground import mails, usage
from authserver.domain.insight import refusals
from authserver.domain.people import users
from authserver.domain.running import standing
from authserver.models import User
from tests.support import assembled, at_end, databases, emptied, fault_table, lean, long_sets, order
from tests.support.emptied import Emptied
from tests.support.memory import Memory
from tests.support.served import faults_before, served, served_strictly  # noqa: F401  # fixtures

KINDS = os.environ.get("TEST_DATABASES", "sqlite,postgresql").split(",")
PASSWORD = "a walk along the river bank"
lean.collect_garbage_rarely()
lean.judge_passwords_once()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long texts and bytes, many of them random, make no names: every worker must collect the same ones."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 30) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long sets run only when asked for by their marker or their own file; what takes long begins first.

    Under a time limit the order stays as it was shuffled, so that what there is no time for is not always the same.
    """
    long_sets.mark_second_runs(items)
    unasked = set(long_sets.left_out(items, config.option.markexpr, config.args))
    config.hook.pytest_deselected(items=list(unasked))
    items[:] = [item for item in items if item not in unasked]
    if not long_sets.are_timed():
        order.sort(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files, and files that share a server."""
    return order.scheduler(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """CI gives the long sets what is left of its time."""
    if fault_table.is_fault(item):
        fault_table.begin(item)
    long_sets.skip_if_out_of_time(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a provoked fault came to goes with the test's report."""
    report = yield
    if fault_table.is_fault(item):
        fault_table.finish(item, report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """`make faults` ends with a table."""
    if "fault" in config.option.markexpr:
        reports = [each for found in terminalreporter.stats.values() for each in found]
        terminalreporter.section("provoked faults")
        terminalreporter.write_line("\n".join(fault_table.lines(fault_table.rows(reports))))


def pytest_sessionfinish() -> None:
    """Nothing that the run started outlives it."""
    at_end.stack.close()


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
    lean.shorten_rsa_keys()


@pytest.fixture(autouse=True, scope="session")
def _every_module_is_there() -> None:
    """Before the first test, so that none finds another set of caches than the one before."""
    for module in pkgutil.walk_packages(authserver.__path__, "authserver."):
        importlib.import_module(module.name)


@pytest.fixture(autouse=True, scope="session")
def _nothing_happens_by_itself() -> None:
    """What threads of the server write, tests ask for: in the midst of another it would be a riddle.

    `tests/served` has the real thing.
    """
    for thread in (refusals._writer, standing._background, usage._flusher):
        thread.start = lambda: None
    mails.in_background(False)


@pytest.fixture(autouse=True)
def memory(_every_module_is_there: None, _cheap_hashing: None, _nothing_happens_by_itself: None) -> Iterator[Memory]:
    """What the server's modules remember is the same before and after each test."""
    remembered = Memory()
    yield remembered
    remembered.restore()


@pytest.fixture(params=KINDS)
def emptied_database(request: pytest.FixtureRequest) -> Iterator[Emptied]:
    """A migrated database without a row of anybody's: each test runs on SQLite and on PostgreSQL."""
    found = emptied.database_of(request.param)
    yield found
    found.empty()


@pytest.fixture
def overrides() -> dict[str, Any]:
    """Settings that differ in this test: define a fixture of this name in a module, class or by parametrize."""
    return {}


@pytest.fixture
def settings(emptied_database: Emptied, overrides: dict[str, Any]) -> Settings:
    plain = Settings(
        database_url=emptied_database.url,
        secret_key=databases.SECRET_KEY,
        issuer=databases.ISSUER,
        data_dir=str(emptied_database.folder),
        log_level="ERROR",
    )
    return dataclasses.replace(plain, **overrides)


@pytest.fixture
def app(settings: Settings, emptied_database: Emptied, memory: Memory) -> Iterator[Flask]:
    """The assembled server; its settings and its database are those of the process until the test ends."""
    with assembled.server(settings, emptied_database, memory) as built:
        yield built


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
