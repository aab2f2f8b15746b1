"""Every protocol test needs the assembled server; its database and keys come with it."""

from __future__ import annotations

import pytest

from tests.support import protocol
from tests.support.protocol import App


@pytest.fixture(autouse=True)
def _assembled(app: object) -> None:
    """The app is built even where no test asks for it by name."""


@pytest.fixture
def web_app() -> App:
    """Alice's confidential app, with every grant."""
    return protocol.register()


@pytest.fixture
def spa() -> App:
    """A public app."""
    return protocol.register(public=True, grant_types=["authorization_code", "refresh_token"])


@pytest.fixture
def mallorys_app() -> App:
    """Another confidential app, which may learn nothing of the others."""
    return protocol.register(name="Evil")


@pytest.fixture
def auditor() -> App:
    """A client that is trusted to introspect everything."""
    return protocol.register(name="Gateway", introspect_all=True)
