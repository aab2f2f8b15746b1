"""`authserver client` and `authserver apply`: the results, the exit codes, and a second run that changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from authserver import cli
from authserver.config import Settings
from authserver.domain.access import gateway_routes, resources, scopes
from authserver.domain.clients import clients, transfers
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.record import audit
from authserver.lib import secrets
from tests.conftest import Person
from tests.support.tables import rows

CALLBACK = "https://app.example.test/callback"
JWK = {
    "kty": "EC", "crv": "P-256", "kid": "one",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # fmt: skip


class Shell:
    """Runs commands against this test's installation."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> Any:
        self.capsys.readouterr()
        ended = cli.main([*words, "--json"])
        out, err = self.capsys.readouterr()
        self.err = err
        assert ended == code, err
        return json.loads(out) if out.strip() else None

    def plain(self, *words: str) -> str:
        self.capsys.readouterr()
        assert cli.main(list(words)) == 0
        return self.capsys.readouterr().out


@pytest.fixture
def shell(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in ("database_url", "secret_key", "issuer", "data_dir", "log_level"):
        monkeypatch.setenv(f"AUTHSERVER_{name.upper()}", getattr(settings, name))
    return Shell(capsys)


def test_create_prints_the_id_and_once_the_secret(shell: Shell) -> None:
    made = shell("client", "create", "--name", "Job", "--grant", "client_credentials", "--scope", "workflows:read")
    facts = clients.get(made["client_id"])
    assert secrets.digest(made["client_secret"]) == facts.secrets[0].digest
    assert (facts.kind, facts.grant_types, facts.scopes) == ("machine", ("client_credentials",), ("workflows:read",))
    shown = shell("client", "show", made["client_id"])
    assert "client_secret" not in shown
    assert shown["client_name"] == "Job"


def test_plain_results_stand_alone_on_stdout(shell: Shell) -> None:
    text = shell.plain("client", "create", "--name", "Job")
    id_line, secret_line = text.splitlines()
    assert id_line.startswith("client_id=")
    assert secret_line.startswith("client_secret=kaie_cs_")


def test_every_option_of_create_reaches_the_client(shell: Shell, ada: Person, tmp_path: Path) -> None:
    resources.create("https://api.example.test", "API")
    resources.create("https://orders.example.test", "Orders")
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [JWK]}))
    made = shell(
        "client", "create", "--name", "All", "--redirect-uri", CALLBACK, "--redirect-uri", CALLBACK + "/2",
        "--grant", "authorization_code", "--grant", "refresh_token", "--grant", "client_credentials",
        "--scope", "openid introspect email", "--required-scope", "email", "--no-id-token-claims",
        "--auth-method", "client_secret_post", "--jwks", str(keys),
        "--resource", "https://api.example.test", "--resource-server", "https://orders.example.test",
        "--introspect-all", "--no-pkce", "--access-token-format", "opaque", "--skip-consent",
        "--owner", ada.email, "--id", "all-of-it",
    )  # fmt: skip
    facts = clients.get("all-of-it")
    assert made["client_id"] == "all-of-it"
    assert facts.redirect_uris == (CALLBACK, CALLBACK + "/2")
    assert facts.grant_types == ("authorization_code", "refresh_token", "client_credentials")
    assert (facts.scopes, facts.token_endpoint_auth_method) == (("openid", "introspect", "email"), "client_secret_post")
    assert (facts.jwks, facts.resources) == ({"keys": [JWK]}, ("https://api.example.test",))
    assert (facts.resource_server_for, facts.introspect_all) == (("https://orders.example.test",), True)
    assert (facts.require_pkce, facts.access_token_format, facts.skip_consent) == (False, "opaque", True)
    assert (facts.required_scopes, facts.id_token_claims) == (("email",), False)
    assert facts.owner_id == ada.id


@pytest.mark.parametrize(
    ("uri", "kind"),
    [(CALLBACK, "spa"), ("http://127.0.0.1/cb", "native"), ("com.example.app:/cb", "native")],
)
def test_a_public_client_is_of_the_kind_its_redirect_uris_say(shell: Shell, uri: str, kind: str) -> None:
    made = shell("client", "create", "--name", "App", "--public", "--redirect-uri", uri)
    assert (made["kind"], "client_secret" in made) == (kind, False)


def test_a_resource_server_needs_no_grant(shell: Shell) -> None:
    resources.create("https://api.example.test", "API")
    made = shell("client", "create", "--name", "API", "--resource-server", "https://api.example.test")
    assert made["kind"] == "resource_server"


@pytest.mark.parametrize("option", ["--resource", "--resource-server"])
def test_an_api_that_nobody_registered_yet_is_registered_with_its_client(
    shell: Shell, alice: Person, option: str
) -> None:
    shell("client", "create", "--name", "X", "--owner", "alice@example.test", option, "https://new.example.test")
    assert resources.get("https://new.example.test").owner_id == alice.id


@pytest.mark.parametrize("more", [["--scope", "nonsense"], ["--resource", "http://new.example.test"]])
def test_a_client_that_is_refused_leaves_no_api_behind(shell: Shell, more: list[str]) -> None:
    shell("client", "create", "--name", "X", "--resource-server", "https://new.example.test", *more, code=1)
    assert resources.find("https://new.example.test") is None


@rows(
    ("words", "code"),
    [
        (["client", "create"], 2),
        (["client", "create", "--name", "X", "--redirect-uri", "http://app.example.test/"], 1),
        (["client", "create", "--name", "X", "--scope", "nonsense"], 1),
        (["client", "create", "--name", "X", "--public", "--no-pkce", "--redirect-uri", CALLBACK], 1),
        (["client", "create", "--name", "X", "--require-pkce", "--no-pkce", "--redirect-uri", CALLBACK], 2),
        (["client", "create", "--name", "X", "--public", "--skip-consent", "--redirect-uri", "http://127.0.0.1/"], 1),
        (["client", "create", "--name", "X", "--profile", "fapi2"], 1),
        (["client", "create", "--name", "X", "--owner", "nobody@example.test"], 3),
        (["client", "create", "--name", "X", "--nonsense"], 2),
        (["client", "create", "--name", "X", "--access-token-format", "paseto"], 2),
        (["client", "show", "cl_unknown"], 3),
        (["client", "disable", "cl_unknown"], 3),
        (["client", "rotate-secret", "cl_unknown"], 3),
        (["client", "delete", "cl_unknown"], 3),
        (["apply", "missing.toml"], 2),
    ],
)
def test_refusals_have_their_exit_code_and_one_line(shell: Shell, words: list[str], code: int) -> None:
    assert shell(*words, code=code) is None
    if code != 2:
        assert len(shell.err.strip().splitlines()) == 1


def test_keys_that_are_not_kept_are_named_in_the_shell(shell: Shell, tmp_path: Path) -> None:
    keys = {"keys": [JWK, {"kty": "new"}]}
    file, declared = tmp_path / "keys.json", tmp_path / "clients.json"
    file.write_text(json.dumps(keys))
    shell("client", "create", "--name", "Jobs", "--jwks", str(file))
    assert "Key 2 is ignored." in shell.err
    declared.write_text(json.dumps({"clients": [{"client_id": "jobs", "client_name": "Jobs", "jwks": keys,
                                                 "grant_types": ["client_credentials"]}]}))  # fmt: skip
    assert shell("apply", str(declared))["changes"][0]["notes"][0].startswith("Key 2 is ignored.")
    assert shell("apply", str(declared))["changes"] == []


def test_a_document_is_taken_over_and_options_win(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "app.json"
    file.write_text(json.dumps({"client_name": "From file", "redirect_uris": [CALLBACK], "vendor_note": "x"}))
    made = shell("client", "create", "--from", str(file), "--name", "Mine")
    facts = clients.get(made["client_id"])
    assert (facts.name, facts.redirect_uris, facts.metadata_extra) == ("Mine", (CALLBACK,), {"vendor_note": "x"})


def test_a_life_of_a_client_in_a_shell(shell: Shell) -> None:
    made = shell("client", "create", "--name", "Job")
    id = made["client_id"]
    rotated = shell("client", "rotate-secret", id, "--overlap", "1h")
    assert rotated["client_secret"] != made["client_secret"]
    assert len(client_secrets.active(id)) == 2
    assert shell("client", "rotate-secret", id, code=1) is None
    assert shell("client", "rotate-secret", id, "--overlap", "now", "--force")["previous_ends_at"] is None
    assert shell("client", "disable", id) == {"client_id": id, "status": "disabled"}
    assert shell("client", "list")[0]["status"] == "disabled"
    shell("client", "enable", id)
    shell("client", "delete", id)
    assert shell("client", "list") == []
    assert shell("client", "list", "--deleted")[0]["client_id"] == id
    shell("client", "restore", id)
    assert shell("client", "show", id)["status"] == "active"
    shell("client", "disable", id)
    shell("client", "delete", id)
    assert shell("client", "restore", id)["status"] == "disabled", "as it was before"


DECLARED = """
[[resources]]
identifier = "https://api.example.test"
name = "Orders API"

[[scopes]]
name = "orders:read"
title = "See your orders"
resource = "https://api.example.test"

[[clients]]
client_id = "orders-web"
client_name = "Orders"
redirect_uris = ["https://app.example.test/callback"]
scope = "openid orders:read"
resources = ["https://api.example.test"]

[[clients]]
client_id = "orders-job"
client_name = "Orders job"
grant_types = ["client_credentials"]
scope = "orders:read"
"""


def test_apply_plans_does_and_then_has_nothing_left_to_do(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "declared.toml"
    file.write_text(DECLARED)
    planned = shell("apply", str(file), "--plan")
    assert [change["action"] for change in planned["changes"]] == ["create"] * 4
    assert clients.find("orders-web") is None
    done = shell("apply", str(file))
    assert [change["name"] for change in done["changes"] if "client_secret" in change] == ["orders-web", "orders-job"]
    assert clients.get("orders-web").resources == ("https://api.example.test",)
    assert scopes.all()["orders:read"].resource == "https://api.example.test"
    assert shell("apply", str(file))["changes"] == []
    assert "Nothing to change." in shell.plain("apply", str(file))


def test_apply_does_all_of_a_file_or_nothing(shell: Shell, tmp_path: Path) -> None:
    """The secret of a client that was made would be lost with the refusal of the next."""
    file = tmp_path / "declared.toml"
    file.write_text(f"{DECLARED}\n[[clients]]\nclient_id = 'last'\nclient_name = 'Last'\nscope = 'no:such'\n")
    before = audit.page()[1]
    assert shell("apply", str(file), code=1) is None
    assert (clients.find_afresh("orders-web"), resources.all(), audit.page()[1]) == (None, {}, before)
    assert "orders:read" not in scopes.all()
    file.write_text(DECLARED)
    assert len(shell("apply", str(file))["changes"]) == 4
    assert audit.verify().sound


def test_apply_shows_and_makes_the_difference_alone(shell: Shell, alice: Person, tmp_path: Path) -> None:
    file = tmp_path / "declared.toml"
    file.write_text(DECLARED)
    shell("apply", str(file))
    file.write_text(
        DECLARED.replace('"See your orders"', '"See what you ordered"').replace(
            'client_name = "Orders"', 'client_name = "Orders 2"\nowner = "alice@example.test"'
        )
    )
    text = shell.plain("apply", str(file), "--plan")
    assert '~ scope orders:read\n    title: "See your orders" -> "See what you ordered"' in text
    assert 'name: "Orders" -> "Orders 2"' in text
    shell("apply", str(file))
    facts = clients.get("orders-web")
    assert (facts.name, facts.owner_id, len(facts.secrets)) == ("Orders 2", None, 1)
    transfers.accept(alice.user, "orders-web", "end")  # it is hers once she takes it (contract 11.38)
    assert clients.get("orders-web").owner_id == alice.id
    assert shell("apply", str(file), "--plan")["changes"] == []


def test_apply_keeps_route_tables(shell: Shell, tmp_path: Path) -> None:
    rules = "GET /orders/{id} orders:read\nPOST /orders workflows:write"
    scope = '[[scopes]]\nname = "orders:read"\ntitle = "See your orders"\n'
    file = tmp_path / "routes.toml"
    file.write_text(f'{scope}[[route_tables]]\nname = "shop"\nrules = """\n# a comment\n{rules}\n"""\n')
    assert [change["section"] for change in shell("apply", str(file), "--plan")["changes"]] == [
        "scopes",
        "route_tables",
    ]
    shell("apply", str(file))
    assert gateway_routes.written(gateway_routes.get("shop")) == rules
    assert shell("apply", str(file))["changes"] == []
    file.write_text('[[route_tables]]\nname = "shop"\nrules = ["GET /orders/{id} orders:read"]\n')
    assert "~ route table shop\n    rules: " in shell.plain("apply", str(file))
    assert len(gateway_routes.get("shop").rules) == 1


@rows(
    "text",
    [
        "[",
        "users = []",
        "[[route_tables]]\nname = 'any'\nrules = '* /a'",
        "[[route_tables]]\nname = 'shop'\nrules = 'GET'",
        "[[route_tables]]\nname = 'shop'\nrules = 'GET /a no:such'",
        "[[route_tables]]\nname = 'shop'\nrules = 7",
        "[[route_tables]]\nname = 'shop'",
        "clients = 5",
        "[[clients]]\nclient_name = 'X'",
        "[[clients]]\nclient_id = 'x-y'\nclient_name = 5",
        "[[clients]]\nclient_id = 'x-y'\nclient_name = 'X'\ngrant_types = ['password']",
        "[[scopes]]\ntitle = 'X'",
        "[[scopes]]\nname = 'x'\ntitle = 5",
        "[[scopes]]\nname = 'x'\ntitle = 'X'\nnonsense = 1",
        "[[scopes]]\nname = 'x'\ntitle = 'X'\nadmin_only = 'yes'",
        "[[resources]]\nidentifier = 'nonsense'",
    ],
)
def test_a_bad_declaration_is_one_line_and_changes_nothing(shell: Shell, tmp_path: Path, text: str) -> None:
    file = tmp_path / "declared.toml"
    file.write_text(text)
    before = (dict(scopes.all()), dict(resources.all()))
    shell("apply", str(file), code=1)
    assert len(shell.err.strip().splitlines()) == 1
    assert (scopes.all(), resources.all()) == before
    assert clients.find("x-y") is None


def test_the_same_declaration_may_be_json(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "declared.json"
    file.write_text(json.dumps({"scopes": [{"name": "x:read", "title": "See x"}]}))
    assert shell("apply", str(file))["changes"] == [{"section": "scopes", "name": "x:read", "action": "create"}]
