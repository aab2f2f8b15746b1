"""authserver user: people from the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from authserver import cli, config
from authserver.cli import output
from authserver.config import Settings
from authserver.domain.clients import clients, ownership
from authserver.domain.ground import lists, throttle
from authserver.domain.people import users
from authserver.domain.people.credentials import passwords
from tests.conftest import PASSWORD, Person
from tests.support import protocol

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    app: Flask, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command on the test's own database; gives exit code, stdout, stderr."""
    file = tmp_path / "authserver.toml"
    file.write_text(f'database_url = "{settings.database_url}"\nsecret_key = "{settings.secret_key}"\n')

    def call(*words: str, stdin: str = "") -> tuple[int, str, str]:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = cli.main(["--config", str(file), "user", *words])
        config.install(settings)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_create_without_a_password_prints_the_link_alone(run: Run) -> None:
    code, out, err = run("create", "Carol@Example.test", "--name", "Carol", "--admin")
    assert code == 0
    assert out.startswith("http://localhost:8000/welcome/")
    assert len(out.splitlines()) == 1
    assert "welcome" not in err
    user = users.find_by_email("carol@example.test")
    assert user is not None
    assert (user.name, user.role, user.password_hash) == ("Carol", "admin", None)


def test_create_with_a_password_never_shows_it(run: Run) -> None:
    code, out, err = run("create", "carol@example.test", "--password-stdin", "--json", stdin=PASSWORD + "\n")
    facts = json.loads(out)
    assert code == 0
    assert (facts["email"], facts["role"], facts["status"]) == ("carol@example.test", "user", "active")
    assert PASSWORD not in out + err
    assert passwords.check("carol@example.test", PASSWORD) is not None


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        (("create", "nobody"), "", 1, "email: Enter one email address"),
        (("create", "alice@example.test"), "", 1, "already an account"),
        (("create", "c@example.test", "--password-stdin"), "password1\n", 1, "password: This password"),
        (("create", "c@example.test", "--password-stdin"), "", 1, "password: Use at least 8"),
        (("create",), "", 2, "Missing argument"),
        (("show", "nobody@example.test"), "", 3, "There is no such person."),
        (("disable", "nobody@example.test"), "", 3, "There is no such person."),
        (("link", "nobody@example.test"), "", 3, "There is no such person."),
        (("paint", "alice@example.test"), "", 2, "No such command"),
    ],
)
def test_refusals_have_their_exit_code_and_one_line(
    run: Run, alice: Person, words: tuple[str, ...], stdin: str, code: int, said: str
) -> None:
    got, out, err = run(*words, stdin=stdin)
    assert got == code
    assert out == ""
    assert said in err
    assert users.find_by_email("c@example.test") is None


def test_list_and_show(run: Run, alice: Person, bob: Person) -> None:
    listed = json.loads(run("list", "--json")[1])
    assert {row["email"] for row in listed} == {alice.email, bob.email}
    assert [row["email"] for row in json.loads(run("list", "--search", "stone", "--json")[1])] == [bob.email]
    assert json.loads(run("show", alice.email, "--json")[1])["id"] == alice.id
    assert alice.user.password_hash not in run("show", alice.email)[1]  # type: ignore[operator]


def test_a_list_is_printed_as_it_is_read(run: Run, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "STEP", 2)
    monkeypatch.setattr(output, "MEASURED", 1)
    for number in range(5):
        users.create(f"person-with-a-long-address-{number}@example.test")
    listed = json.loads(run("list", "--json")[1])
    assert len({row["id"] for row in listed}) == 7
    assert json.loads(run("list", "--limit", "3", "--json")[1]) == listed[:3]
    lines = run("list")[1].splitlines()
    assert lines[0].startswith("id ") and [line.split()[0] for line in lines[1:]] == [row["id"] for row in listed]
    assert len(run("list", "--limit", "3")[1].splitlines()) == 4
    assert run("list", "--limit", "0")[0] == 2


def test_names_are_given_and_changed(run: Run) -> None:
    code, _, _ = run(
        "create", "cy@example.test", "--given-name", "Cy", "--family-name", "Twom", "--username", "cyt",
        "--password-stdin", stdin=PASSWORD,
    )  # fmt: skip
    cy = users.find_by_email("cy@example.test")
    assert code == 0 and cy is not None
    assert (cy.name, cy.chosen_name, cy.username) == ("Cy Twom", "", "cyt")
    assert run("rename", "cy@example.test", "--name", "Cy", "--family-name", "", "--username", "cy")[0] == 0
    cy = users.get(cy.id)
    assert (cy.name, cy.given_name, cy.family_name, cy.username) == ("Cy", "Cy", "", "cy")
    assert run("rename", "cy@example.test", "--username", "root")[0] == 1


def test_what_apps_may_be_told_is_shown_and_changed(run: Run, alice: Person) -> None:
    code, shown, _ = run(
        "claims", alice.email, "nickname=Al", "birthdate=1990-05-31", "address.country=France", "--json"
    )
    assert (code, json.loads(shown)) == (
        0, {"nickname": "Al", "birthdate": "1990-05-31", "address": {"country": "France"}},
    )  # fmt: skip
    assert run("claims", alice.email, "nickname=", "address.country=")[0] == 0
    assert json.loads(run("claims", alice.email, "--json")[1]) == {"birthdate": "1990-05-31"}
    assert run("claims", alice.email, "birthdate=soon")[0] == 1
    assert run("claims", alice.email, "shoe_size=44")[0] == 1
    assert run("claims", alice.email, "birthdate")[0] == 2
    assert run("claims", alice.email, "address=Paris")[0] == 2


def test_disable_and_enable(run: Run, alice: Person) -> None:
    assert run("disable", alice.email)[0] == 0
    assert users.get(alice.id).disabled_at is not None
    assert run("link", alice.email)[0] == 1
    assert run("enable", alice.email)[0] == 0
    assert users.get(alice.id).disabled_at is None


def test_unlock_forgets_failures(run: Run, alice: Person) -> None:
    for _ in range(10):
        throttle.begin_sign_in(alice.email, ip="203.0.113.1", device=None)
    assert run("unlock", alice.email)[0] == 0
    throttle.begin_sign_in(alice.email, ip="203.0.113.1", device=None)


@pytest.mark.parametrize("verb", ["link", "reset-password"])
def test_a_link_resets_the_password(run: Run, alice: Person, verb: str) -> None:
    code, out, _ = run(verb, alice.email)
    assert code == 0
    passwords.set_by_link(out.strip().rpartition("/")[2], "seven green lanterns drift", "reset")
    assert passwords.check(alice.email, "seven green lanterns drift") is not None


def test_role_makes_an_administrator_and_back(run: Run, ada: Person, alice: Person) -> None:
    code, out, _ = run("role", alice.email, "admin", "--json")
    assert (code, json.loads(out)["role"]) == (0, "admin")
    assert run("role", alice.email, "user")[0] == 0
    assert users.get(alice.id).role == "user"
    code, _, err = run("role", ada.email, "user")
    assert code == 1 and "last administrator" in err
    code, _, err = run("role", alice.email, "root")
    assert code == 1 and "role" in err


def test_delete_and_restore(run: Run, alice: Person) -> None:
    code, out, err = run("delete", alice.email, "--json")
    facts = json.loads(out)
    assert (code, facts["status"]) == (0, "deleted")
    assert facts["erased_at"] in err and f"authserver user restore {alice.email}" in err
    assert json.loads(run("list", "--json")[1]) == []
    assert [row["id"] for row in json.loads(run("list", "--state", "deleted", "--json")[1])] == [alice.id]
    code, out, err = run("create", alice.email)
    assert code == 1 and "Restore it" in err
    code, out, _ = run("restore", alice.email, "--json")
    assert (code, json.loads(out)["status"], json.loads(out)["erased_at"]) == (0, "active", None)
    assert passwords.check(alice.email, PASSWORD) is not None


@pytest.mark.parametrize(
    ("before", "said"), [((), "signs in as before"), (("disable", "alice@example.test"), "still disabled")]
)
def test_restore_says_what_is_true_of_the_person(run: Run, alice: Person, before: tuple[str, ...], said: str) -> None:
    if before:
        run(*before)
    run("delete", alice.email)
    assert said in run("restore", alice.email)[2]


def test_delete_hands_the_apps_over(run: Run, alice: Person, bob: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    assert run("delete", alice.email, "--apps", f"transfer:{bob.email}")[0] == 0
    facts = clients.find_afresh(app.id)
    assert facts is not None and facts.enabled and facts.owner_id == bob.id


def test_an_heir_with_too_many_apps_is_refused_with_the_remedy(
    run: Run, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 1)
    for owner in (alice, bob):
        protocol.register(owner_id=owner.id)
    code, _, err = run("delete", alice.email, "--apps", f"transfer:{bob.email}")
    assert code == 1 and "the limit is 1" in err and "administrator" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("delete", "nobody@example.test"), 3, "There is no such person."),
        (("delete", "ada@example.test"), 1, "last administrator"),
        (("delete", "alice@example.test", "--apps", "keep"), 1, "apps: Say what becomes of the apps"),
        (("delete", "alice@example.test", "--apps", ""), 1, "apps: Say what becomes of the apps"),
        (("delete", "alice@example.test", "--apps", "transfer:nobody@example.test"), 3, "There is no such person."),
        (("delete", "alice@example.test", "--apps", "transfer:alice@example.test"), 1, "somebody else"),
        (("restore", "alice@example.test"), 1, "isn't deleted"),
        (("restore", "nobody@example.test"), 3, "There is no such person."),
        (("list", "--state", "gone"), 2, "A state is active, invited, disabled or deleted."),
    ],
)
def test_what_cannot_be_deleted_or_restored_is_said(
    run: Run, ada: Person, alice: Person, words: tuple[str, ...], code: int, said: str
) -> None:
    got, out, err = run(*words)
    assert (got, out) == (code, "")
    assert said in err
    assert users.get(alice.id).deleted_at is None


@pytest.mark.parametrize(("options", "proven"), [((), False), (("--email-verified",), True)])
def test_an_address_is_proven_where_the_command_vouches_for_it(
    run: Run, options: tuple[str, ...], proven: bool
) -> None:
    assert run("create", "carol@example.test", *options)[0] == 0
    carol = users.find_by_email("carol@example.test")
    assert carol is not None
    assert (carol.email_verified_at is not None) == proven


def test_people_are_exported_and_imported_as_the_same_file(run: Run, alice: Person) -> None:
    code, text, _ = run("export")
    assert code == 0 and text.splitlines()[0].startswith("email,name,")
    code, out, _ = run("import", "-", stdin=text)
    assert (code, "unchanged" in out) == (0, True)


def test_an_import_prints_each_new_persons_link(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("\ufeffemail;name\n".replace(";", ",").encode() + "carol@example.test,Caról\n".encode())
    code, out, _ = run("import", str(file), "--dry-run", "--json")
    assert (code, json.loads(out)[0]["result"], json.loads(out)[0]["link"]) == (0, "created", "")
    code, out, _ = run("import", str(file), "--json")
    assert code == 0 and "/welcome/" in json.loads(out)[0]["link"]


def test_an_import_with_a_wrong_line_names_it(run: Run) -> None:
    code, _, err = run("import", "-", stdin="email,role\ncarol@example.test,user\ndan@example.test,root\n")
    assert code == 1 and "line 3" in err and "developer" in err
    assert users.find_by_email("carol@example.test") is None


def test_a_file_of_another_encoding_is_told_as_such(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("email,name\ncarol@example.test,Caról\n".encode("latin-1"))
    code, _, err = run("import", str(file))
    assert code == 2 and "UTF-8" in err


def test_without_a_way_to_mail_nobody_is_created_to_be_mailed(run: Run) -> None:
    code, _, err = run("create", "carol@example.test", "--mail")
    assert code == 1 and "smtp_url" in err
    assert users.find_by_email("carol@example.test") is None
