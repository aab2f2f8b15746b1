"""One assembled server for a whole module: for tables of requests that change nothing, at a tenth of the time."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from authserver import config, create_app, database
from authserver.config import Settings
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.people import users
from authserver.models import User
from tests.support import databases
from tests.support.browsing import Browser, InProcess
from tests.support.memory import Memory
from tests.support.third_party import CALLBACK, App

PASSWORD = "a walk along the river bank"
HTTPS = "https://auth.example.test"
SCOPES = ("openid", "profile", "email", "offline_access", "workflows:read", "workflows:write")


@dataclass
class Standing:
    """The server, and the people and apps that tests put into it."""

    app: Flask
    settings: Settings
    people: dict[str, User] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return self.settings.issuer

    def person(self, email: str, role: str = "user") -> User:
        """Somebody with PASSWORD, made once."""
        if email not in self.people:
            self.people[email] = users.create(
                email, name=email.partition("@")[0].title(), role=role, password=PASSWORD, verified=True
            )
        return self.people[email]

    def register(self, name: str = "Example", owner: User | None = None, **facts: Any) -> App:
        """An app in the wire of a program; `facts` are those of a Registration."""
        wanted: dict[str, Any] = {"kind": "web", "redirect_uris": (CALLBACK,), "scopes": SCOPES}
        if facts.get("kind", "web") in ("machine", "resource_server"):
            wanted.pop("redirect_uris")
        row, secret = clients.register(owner, Registration(name=name, **wanted | facts), trusted=True)
        return App(
            self.issuer,
            InProcess(self.program()),
            row.id,
            secret or "",
            redirect_uri=(row.redirect_uris or [CALLBACK])[0],
        )

    def program(self) -> FlaskClient:
        return self.app.test_client(use_cookies=False)

    def browser(self, email: str = "", role: str = "user") -> Browser:
        """A new browser; signed in as this person if one is named."""
        browser = Browser(self.issuer, InProcess(self.app.test_client()))
        if email:
            self.person(email, role)
            browser.sign_in(email, PASSWORD)
        return browser


@contextlib.contextmanager
def standing(kind: str, **overrides: Any) -> Iterator[Standing]:
    """The server on a fresh database of this kind, with settings that differ from the plain ones by `overrides`."""
    databases.cheap_hashing()
    with (
        tempfile.TemporaryDirectory(prefix="authserver-standing-", ignore_cleanup_errors=True) as folder,
        databases.fresh(kind, Path(folder)) as url,
    ):
        plain = Settings(
            database_url=url,
            secret_key=databases.SECRET_KEY,
            issuer=databases.ISSUER,
            data_dir=folder,
            log_level="ERROR",
            login_failures_per_address=1_000_000,
            authorization_requests_per_address=1_000_000,
        )
        settings = dataclasses.replace(plain, **overrides)
        remembered = Memory()
        built = create_app(settings)
        databases.cheap_hashing()
        with config.using(settings):
            yield Standing(built, settings)
        database.engine().dispose()
        remembered.restore()  # counts that were not written yet would be another's
