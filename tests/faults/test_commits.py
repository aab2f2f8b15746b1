"""PostgreSQL undoes what it was asked, or its answer to COMMIT is lost: nobody gets an error, nothing is done twice."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests
from sqlalchemy import func, make_url
from sqlalchemy import select as select_rows
from sqlalchemy.exc import DBAPIError

from authserver import commits, database, engines
from authserver.config import Settings
from authserver.domain.api_keys import keys as api_keys
from authserver.models import ApiKey
from tests.conftest import KINDS, Person
from tests.support import fault_table, served

pytestmark = [pytest.mark.fault, pytest.mark.usefixtures("socket_enabled")]
# Every third event that is recorded meets one of the three; a sequence counts what was undone, too.
UNDO = """
    CREATE SEQUENCE turns;
    CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE turn bigint := nextval('turns');
    BEGIN
      IF turn % 3 = 0 THEN
        RAISE 'undone' USING ERRCODE = (ARRAY['40001', '40P01', '55P03'])[1 + (turn / 3) % 3];
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER undo BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION undo();
    GRANT USAGE ON SEQUENCE turns TO PUBLIC
"""
COMMIT = b"COMMIT\0"
# SQLite's is a call, which returns.
on_postgresql = pytest.mark.parametrize(
    "emptied_database", [kind for kind in KINDS if kind == "postgresql"], indirect=True
)


class Way:
    """The way to PostgreSQL, on which the next COMMIT, or the answer to it, is lost with its connection."""

    def __init__(self, there: str) -> None:
        self.folder = tempfile.mkdtemp(dir="/tmp")  # the name of a socket is short
        self.loses = ""  # "the question", "the answer"
        self._there = there
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"{self.folder}/.s.PGSQL.5432")
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        shutil.rmtree(self.folder)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._there)
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            while True:
                for each in select.select([near, far], [], [])[0]:
                    data = each.recv(65536)
                    if not data or (each is near and self._lost(data, far)):
                        return
                    (far if each is near else near).sendall(data)

    def _lost(self, data: bytes, far: socket.socket) -> bool:
        if COMMIT not in data or not self.loses:
            return False
        if self.loses == "the answer":
            far.sendall(data)
            far.recv(65536)
        self.loses = ""
        return True


@pytest.fixture
def way(settings: Settings, alice: Person) -> Iterator[Way]:
    """The database of this process behind such a way."""
    url = make_url(settings.sqlalchemy_url)
    way = Way(f"{url.query['host']}/.s.PGSQL.{url.query.get('port', url.port or 5432)}")
    there = url.update_query_dict({"host": way.folder, "port": "5432"}).set(port=None)
    before, engine = database.engine(), engines.build(Settings(**fields(settings, there.render_as_string(False))))
    database.install(engine)
    keys()  # what opens a connection has a COMMIT of its own
    yield way
    engine.dispose()
    database.install(before)
    way.close()


def fields(settings: Settings, url: str) -> dict[str, Any]:
    return {"database_url": url, "secret_key": settings.secret_key, "issuer": settings.issuer}


def keys() -> int:
    with database.reading() as session:
        return session.scalar(select_rows(func.count()).select_from(ApiKey)) or 0


def make_key(alice: Person) -> Any:
    return api_keys.create(alice.user, api_keys.Wish("Cellar", "read_only"))


@on_postgresql
def test_a_commit_whose_answer_was_lost_is_found_to_be_there(way: Way, alice: Person) -> None:
    way.loses = "the answer"
    row, _ = make_key(alice)
    assert way.loses == "" and keys() == 1
    assert row.name == "Cellar"  # stays readable, as after any commit


@on_postgresql
def test_a_commit_that_never_arrived_is_an_error_and_the_work_can_be_done_again(way: Way, alice: Person) -> None:
    way.loses = "the question"
    with pytest.raises(DBAPIError):
        make_key(alice)
    assert keys() == 0
    way.loses = "the question"
    commits.repeated(lambda: make_key(alice))
    assert way.loses == "" and keys() == 1


@on_postgresql
def test_what_may_stay_is_not_done_again(way: Way, alice: Person) -> None:
    """A whole transaction before the one that was lost."""

    def both() -> None:
        make_key(alice)
        way.loses = "the question"
        make_key(alice)

    with pytest.raises(DBAPIError):
        commits.repeated(both)
    assert keys() == 1


@pytest.mark.served
@pytest.mark.long_fault
def test_what_postgresql_undid_is_done_again_and_nobody_gets_an_error() -> None:
    """E22: a third of all transactions that record something."""
    with served.running("postgresql", workers=1) as server:
        server.user("alice@example.test", admin=True)
        words = ("--owner", "alice@example.test", "--name", "Maker", "--permission", "full_access")
        key = server.cli("key", "create", *words)["key"]
        with psycopg.connect(server.environment["AUTHSERVER_DATABASE_URL"].replace("+psycopg", "")) as connection:
            connection.execute(UNDO)
        heads = {"Authorization": f"Bearer {key}"}
        answers = []
        for number in range(20):
            made = {"name": f"Key {number}", "permission": "read_only", "expires_in": 3600}
            answers.append(requests.post(f"{server.issuer}/v1/api-keys", json=made, headers=heads, timeout=20))
        failed = sum(each.status_code != 201 for each in answers)
        fault_table.asked(answered=len(answers) - failed, failed=failed)
        assert failed == 0, [each.text for each in answers if each.status_code != 201]
        every = requests.get(f"{server.issuer}/v1/api-keys?limit=100", headers=heads, timeout=20).json()["data"]
        assert sorted(each["name"] for each in every) == sorted(["Maker", *(f"Key {n}" for n in range(20))])
        assert server.log.count('"event":"transaction_repeated"') >= 6
        fault_table.promised("20 keys, audit chain:")
        assert server.cli("audit", "verify")["sound"] is True
