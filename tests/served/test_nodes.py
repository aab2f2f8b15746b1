"""Two nodes on one database: what one changes the other knows within a second, and forgets nothing else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest

from tests.support import long_sets, served
from tests.support.served import KINDS, Served
from tests.support.third_party import App

pytestmark = [pytest.mark.served, pytest.mark.usefixtures("socket_enabled")]
# The promised second, and what a full machine may add to it.
SOON = 1.5


@dataclass(frozen=True)
class Nodes:
    """Two servers: commands are given at the first, apps ask the second."""

    first: Served
    second: Served

    def machine(self, name: str, *words: str) -> App:
        """A client that the second one knows."""
        app = replace(self.first.machine(name, *words), issuer=self.second.issuer)
        assert app.client_credentials().status == 200
        return app


@pytest.fixture(scope="module", params=long_sets.others_later(KINDS, now="postgresql"))
def nodes(request: pytest.FixtureRequest) -> Iterator[Nodes]:
    options = {"workers": 1, "rate_limit_token": "off"}
    with served.running(request.param, **options) as first:
        issuer = {"issuer": first.issuer, "url": first.environment["AUTHSERVER_DATABASE_URL"]}
        second = served.start(request.param, first.folder, **options, **issuer)
        second.issuer = f"http://localhost:{second.process.args[3]}"  # type: ignore[index]  # its words
        try:
            yield Nodes(first, second)
        finally:
            second.stop()


def test_a_changed_client_is_another_one_on_the_other_node(nodes: Nodes) -> None:
    app = nodes.machine("Stopped")
    nodes.first.cli("client", "disable", app.client_id)
    time.sleep(SOON)
    assert app.client_credentials().error == (401, "invalid_client")
    nodes.first.cli("client", "enable", app.client_id)
    time.sleep(SOON)
    assert app.client_credentials().status == 200


def test_the_apps_of_a_disabled_person_stop_on_the_other_node(nodes: Nodes) -> None:
    nodes.first.user("leaver@example.test")
    theirs = nodes.machine("Theirs", "--owner", "leaver@example.test")
    another = nodes.machine("Another's")
    nodes.first.cli("user", "disable", "leaver@example.test")
    time.sleep(SOON)
    assert theirs.client_credentials().error == (401, "invalid_client")
    assert another.client_credentials().status == 200


def test_a_token_that_the_other_node_has_verified_ends_with_its_revocation(nodes: Nodes) -> None:
    app = nodes.machine("Revoking", "--introspect-all")
    token = app.client_credentials().json["access_token"]
    assert app.is_active(token) and app.is_active(token)
    at_the_first = replace(app, issuer=nodes.first.issuer)
    assert at_the_first.post("/oauth/revoke", {"token": token}).status == 200
    time.sleep(SOON)
    assert not app.is_active(token)


def test_a_key_that_leaked_is_no_key_on_the_other_node(nodes: Nodes) -> None:
    app = nodes.machine("Leaked", "--introspect-all")
    token = app.client_credentials().json["access_token"]
    assert app.is_active(token)
    kid = next(
        each["kid"] for each in nodes.first.cli("jwks", "list") if each["alg"] == "ES256" and each["state"] == "active"
    )
    nodes.first.cli("jwks", "retire", kid, "--now")
    time.sleep(SOON)
    assert not app.is_active(token)
    assert app.is_active(app.client_credentials().json["access_token"])


@pytest.mark.parametrize("nodes", ["postgresql"], indirect=True)  # SQLite's readers wait for nobody
def test_a_change_of_one_client_leaves_every_other_in_the_memory_of_the_other_node(nodes: Nodes) -> None:
    """Seen by a database in which nobody can read clients any more."""
    kept, changed = nodes.machine("Kept"), nodes.machine("Changed")
    time.sleep(SOON)  # that they were made is a change, too
    assert kept.client_credentials().status == changed.client_credentials().status == 200
    nodes.first.cli("client", "disable", changed.client_id)
    time.sleep(SOON)
    with held_clients(nodes.first):
        assert kept.client_credentials().status == 200
        assert changed.client_credentials().status == 503


@contextlib.contextmanager
def held_clients(node: Served) -> Iterator[None]:
    url = node.environment["AUTHSERVER_DATABASE_URL"].replace("+psycopg", "", 1)
    with psycopg.connect(url) as admin:
        admin.execute("LOCK TABLE clients IN ACCESS EXCLUSIVE MODE")
        yield
        admin.rollback()
