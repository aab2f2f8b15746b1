"""What the rows do to provoke a refusal over HTTP, and how a table of them is judged."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authserver.domain.api_keys import keys as api_keys
from authserver.lib import clock
from tests.conftest import Person
from tests.refusals import lines, pages
from tests.support import protocol
from tests.support.protocol import App

Provoke = Callable[["World"], TestResponse]
Row = tuple[Provoke, dict[str, tuple[str, str]] | None]
"""How a refusal is provoked, and which checks failed by its page: words of what was expected and received.

None where nobody can be told, since nobody is known to be behind the request.
"""


@dataclass(frozen=True)
class World:
    """One server, its owner of apps with her browser, and whoever signs in."""

    app: Flask
    alice: Person
    bob: Person
    hers: FlaskClient
    browser: Callable[[], FlaskClient]

    def register(self, **columns: Any) -> App:
        """An app of Alice's."""
        return protocol.register(owner_id=self.alice.id, **columns)

    def post(self, path: str, fields: Any = None, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """A program's form."""
        form = fields if isinstance(fields, bytes) else urlencode(fields or {}, doseq=True).encode()
        return self.app.test_client().post(
            path, data=form, headers={"content-type": protocol.FORM, **(headers or {})}, **more
        )

    def token(self, app: App, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        """A token request of this app; it authenticates by its header unless `headers` say otherwise."""
        return self.post("/oauth/token", fields, app.basic if headers is None else headers)

    def key(self, level: str = "full_access", **more: Any) -> str:
        """A new API key of Alice's."""
        return api_keys.create(self.alice.user, api_keys.Wish("CI", level, **more))[1]

    def get(self, path: str, credential: str, **headers: str) -> TestResponse:
        """A program's question with a credential."""
        return self.app.test_client().get(path, headers={"Authorization": f"Bearer {credential}", **headers})

    def code(self, app: App, **options: Any) -> dict[str, str]:
        """The fields that redeem a new code of Bob's sign-in."""
        return redeeming(protocol.allow(self.bob.id, app, **options))

    def refresh_token(self, app: App, **options: Any) -> str:
        """What Bob's sign-in left with the app."""
        return str(protocol.tokens_for(self.bob.id, app, **options)["refresh_token"])


def redeeming(code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": protocol.CALLBACK,
        "code_verifier": protocol.VERIFIER,
    }


@contextlib.contextmanager
def later(seconds: int) -> Iterator[None]:
    """The clock goes ahead."""
    now, now_us = clock.now() + seconds, clock.now_us() + seconds * 1_000_000
    with mock.patch.object(clock, "now", lambda: now), mock.patch.object(clock, "now_us", lambda: now_us):
        yield


def judge(world: World, rows: Iterable[Row], modules: Iterable[str], unreachable: dict[str, str]) -> None:
    """Every row is refused and its page says so; every line of the modules that refuses has a row.

    `unreachable` has functions and the beginnings of their lines that no request comes to, each with the reason.
    """
    passed = lines.Passed(modules)
    wrong = [problem for row in rows if (problem := _problem(world, row, passed))]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
    missing = [line for line in passed.missing() if not any(line.called.startswith(each) for each in unreachable)]
    if missing:
        pytest.fail("\n".join(["No row provokes:", *map(str, missing)]), pytrace=False)
    found = [line.called for module in modules for line in lines.of(module)]
    stale = [each for each in unreachable if not any(text.startswith(each) for text in found)]
    assert not stale, f"no line begins so any more: {stale}"


def _problem(world: World, row: Row, passed: lines.Passed) -> str:
    provoke, expected = row
    name = f"{getattr(provoke, '__name__', 'row')} ({expected})"
    try:
        with passed.watching():
            answer = provoke(world)
        request_id = answer.headers["X-Request-Id"]
        if expected is None:
            assert pages.is_nobodys(world.hers, request_id), "somebody is told why"
            return ""
        return _differs(name, pages.failed(world.hers, request_id), expected)
    except Exception as failure:
        return f"{name}: {type(failure).__name__}: {failure}"


def _differs(name: str, said: list[pages.Said], expected: dict[str, tuple[str, str]]) -> str:
    if sorted(each.check for each in said) != sorted(check.lower() for check in expected):
        return f"{name}: the page says {said}, not {expected}"
    for each in said:
        wanted, received = next(words for check, words in expected.items() if check.lower() == each.check)
        if wanted not in each.expected or received not in each.received:
            return f"{name}: {each}, where {wanted!r} and {received!r} belong"
    return ""
