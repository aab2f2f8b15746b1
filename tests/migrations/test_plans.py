"""What a migration says before it is done, and what stops it (contract 11.36, 11.46)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from authserver import cli, config, database, install
from authserver.config import Settings
from authserver.domain.access import gateway_routes, scopes
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.people import users
from authserver.domain.running import revisions, schema
from authserver.errors import Conflict
from tests.conftest import KINDS, PASSWORD
from tests.migrations.test_migrations import empty as empty  # a fixture
from tests.support import long_sets
from tests.support.tables import rows

BEFORE = "0013"
OLDEST = "0001"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(empty: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line on the database of this test; gives exit code, stdout, stderr."""
    file = tmp_path / "authserver.toml"
    file.write_text(f'database_url = "{empty.database_url}"\nsecret_key = "{empty.secret_key}"\n')

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main(["--config", str(file), *words])
        config.install(empty)
        install(empty)
        return code, *capsys.readouterr()

    return call


def execute(statement: str, **values: Any) -> None:
    with database.transaction() as session:
        session.execute(text(statement), values)


@pytest.fixture
def before(empty: Settings) -> None:
    """The schema of a version that knew none of the names that are reserved today."""
    schema.migrate()
    schema.migrate(BEFORE)


@pytest.mark.parametrize("empty", long_sets.others_later(KINDS, now="postgresql"), indirect=True)
@rows("name", sorted(scopes.RESERVED))
def test_a_scope_of_before_with_a_name_of_ours_stops_the_migration(before: None, run: Run, name: str) -> None:
    execute("DELETE FROM scopes WHERE name = :name", name=name)
    execute(
        "INSERT INTO scopes (name, title, cannot, level, self_service, admin_only, optional, builtin, position)"
        " VALUES (:name, 'Ours', '', 'read', true, false, false, false, 1)",
        name=name,
    )
    code, out, err = run("migrate")
    assert (code, out) == (1, "")
    assert f"There is a scope {name} of your own" in err and "another name" in err
    assert schema.status() == schema.Status("behind", BEFORE)
    execute("UPDATE scopes SET name = :name WHERE name = :taken", name=f"ours:{name}", taken=name)
    assert run("migrate")[0] == 0
    schema.migrate(BEFORE)


@rows("name", sorted(gateway_routes.RESERVED))
def test_a_route_table_of_before_with_a_name_of_ours_stops_the_migration(before: None, name: str) -> None:
    execute("INSERT INTO route_tables (name, rules, updated_at) VALUES (:name, '[]', 1)", name=name)
    with pytest.raises(Conflict, match=f"There is a route table {name}"):
        schema.migrate()
    assert schema.status() == schema.Status("behind", BEFORE)
    execute("DELETE FROM route_tables WHERE name = :name", name=name)


@pytest.fixture
def idle(empty: Settings) -> str:
    """An app that skips consent, of somebody who is no administrator any more; its id."""
    schema.ensure()
    users.create("ada@example.test", role="admin", password=PASSWORD)
    owner = users.create("olga@example.test", role="admin", password=PASSWORD)
    wanted = Registration(name="Reports", kind="web", redirect_uris=("https://app.example.test/cb",), skip_consent=True)
    made = clients.register(owner, wanted)[0]
    users.set_role(owner.id, "user")
    return made.id


def test_the_plan_names_apps_whose_privileges_will_not_count(run: Run, idle: str) -> None:
    code, out, _ = run("migrate", "--plan")
    assert code == 0
    assert f"{idle} (Reports, of olga@example.test) skips consent: this will not count." in out
    assert schema.status().state == "current"


def test_the_plan_says_when_running_servers_cannot_go_on(run: Run, idle: str) -> None:
    assert "stop them first" not in run("migrate", "--plan")[1]
    schema.migrate("0049")
    assert "stop them first" in run("migrate", "--plan")[1]


@pytest.mark.parametrize("empty", long_sets.others_later(KINDS, now="sqlite"), indirect=True)
def test_the_plan_is_made_of_the_schema_of_every_earlier_version(run: Run, idle: str) -> None:
    """It reads what is there before the migration, so no column that is new may be asked for."""
    revision = revisions.newest()
    while revision:
        code, out, err = run("migrate", "--plan", "--json")
        assert code == 0, (revision, err)
        told = json.loads(out)
        assert (told["from"], told["to"]) == (revision, revisions.newest())
        assert told["idle"] == [{"client_id": idle, "owner": "olga@example.test", "privileges": ["skip_consent"]}]
        assert told["running_go_on"] is (revision == revisions.newest() or revisions.serves_also(revision))
        revision = revisions.known()[revision]
        if revision:
            schema.migrate(revision)
    assert schema.status() == schema.Status("behind", OLDEST)


def test_the_doctor_names_them_and_the_remedy(run: Run, idle: str) -> None:
    _, out, _ = run("doctor", "--json")
    (found,) = [each for each in json.loads(out) if each["check"] == "idle privilege"]
    assert found["state"] == "warn"
    assert (
        f"{idle} (Reports) skips consent, which does not count: olga@example.test is no administrator" in found["text"]
    )
    assert f"/apps/{idle}/danger" in found["remedy"]
    owner = users.find_by_email("olga@example.test")
    assert owner is not None
    users.set_role(owner.id, "admin")
    assert "idle privilege" not in run("doctor")[1]


@pytest.fixture
def pairwise(empty: Settings) -> str:
    """An app with pairwise subjects and a scope that such apps no longer have; its id."""
    schema.ensure()
    wanted = Registration(
        name="Shop", kind="web", redirect_uris=("https://app.example.test/cb",), scopes=("openid", "account")
    )
    made = clients.register(None, wanted, trusted=True)[0]
    execute("UPDATE clients SET subject_type = 'pairwise' WHERE id = :id", id=made.id)
    return made.id


def test_the_plan_and_the_doctor_name_apps_that_lose_scopes_by_their_pairwise_subjects(run: Run, pairwise: str) -> None:
    assert f"{pairwise} (Shop) has account: this will not count." in run("migrate", "--plan")[1]
    told = json.loads(run("migrate", "--plan", "--json")[1])["pairwise"]
    assert told == [{"client_id": pairwise, "owner": "", "scopes": ["account"]}]
    (found,) = [each for each in json.loads(run("doctor", "--json")[1]) if each["check"] == "idle privilege"]
    assert f"{pairwise} (Shop) has account, which pairwise subjects leave idle" in found["text"]
    assert f"/apps/{pairwise}/scopes" in found["remedy"]


def test_pages_of_refresh_tokens_have_room_for_those_that_are_spent(empty: Settings) -> None:
    schema.migrate()
    if database.dialect() == "sqlite":
        return  # its pages have room as they come
    with database.reading() as session:
        found = session.scalar(text("SELECT reloptions::text FROM pg_class WHERE relname = 'refresh_tokens'"))
    assert found == "{fillfactor=60}"
