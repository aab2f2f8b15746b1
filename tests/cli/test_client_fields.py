"""Everything of an app that a shell may write, when it is made and afterwards."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command

WRITTEN = [
    (["--client-uri", "https://notes.example"], "client_uri", "https://notes.example"),
    (["--description", "Keeps notes."], "description", "Keeps notes."),
    (["--contact", "a@example.test", "--contact", "b@example.test"], "contacts", ["a@example.test", "b@example.test"]),
    (["--policy-uri", "https://notes.example/privacy"], "policy_uri", "https://notes.example/privacy"),
    (["--tos-uri", "https://notes.example/terms"], "tos_uri", "https://notes.example/terms"),
    (["--allowed-cors-origin", "https://notes.example"], "allowed_cors_origins", ["https://notes.example"]),
    (["--access-token-ttl", "600"], "access_token_ttl", 600),
    (["--auth-signing-alg", "ES256"], "token_endpoint_auth_signing_alg", "ES256"),
    (["--require-auth-time"], "require_auth_time", True),
    (["--software-id", "4NRB1"], "software_id", "4NRB1"),
    (["--software-version", "2.1"], "software_version", "2.1"),
    (["--userinfo-alg", "RS256"], "userinfo_signed_response_alg", "RS256"),
    (["--default-max-age", "900"], "default_max_age", 900),
    (["--default-acr", "aal1"], "default_acr_values", ["aal1"]),
    (["--subject-type", "pairwise"], "subject_type", "pairwise"),
    (["--request-object-alg", "ES256"], "request_object_signing_alg", "ES256"),
    (["--backchannel-session"], "backchannel_logout_session_required", True),
]
BASE = ["client", "create", "--name", "Notes", "--redirect-uri", "https://notes.example/callback"]


def shown(command: Command, client_id: str) -> dict[str, object]:
    return dict(json.loads(command("client", "show", client_id, "--json")[1]))


@pytest.mark.parametrize(("words", "member", "value"), WRITTEN, ids=[row[1] for row in WRITTEN])
def test_a_member_is_written_when_an_app_is_made_and_afterwards(
    command: Command, words: list[str], member: str, value: object
) -> None:
    made = json.loads(command(*BASE, *words, "--json")[1])["client_id"]
    assert shown(command, made)[member] == value
    plain = json.loads(command(*BASE, "--json")[1])["client_id"]
    code, _, err = command("client", "update", plain, *words)
    assert (code, err) == (0, "")
    assert shown(command, plain)[member] == value


def test_what_is_not_named_stays_and_an_empty_text_takes_away(command: Command) -> None:
    made = json.loads(command(*BASE, "--tos-uri", "https://notes.example/terms", "--json")[1])["client_id"]
    command("client", "update", made, "--name", "Notebook", "--tos-uri", "")
    after = shown(command, made)
    assert (after["client_name"], after.get("tos_uri")) == ("Notebook", None)
    assert after["redirect_uris"] == ["https://notes.example/callback"]


def test_a_change_is_judged_as_a_registration_is(command: Command) -> None:
    made = json.loads(command(*BASE, "--json")[1])["client_id"]
    code, _, err = command("client", "update", made, "--redirect-uri", "http://notes.example/callback")
    assert code == 1 and "redirect_uris.0" in err
    assert command("client", "update", "nobody", "--name", "X")[0] == 3
