"""The programs of a quickstart are programs: each parses in its language, whatever an owner's values are."""

from __future__ import annotations

import ast
import shutil
import subprocess
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver.dashboard.apps import quickstart as apps_quickstart
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from tests.conftest import Person
from tests.support import forms
from tests.support.served import ROOT

WEB = Registration(
    name="Web", kind="web", redirect_uris=("https://app.example.test/'$(id)'`id`".replace("`", ""),),
    scopes=("openid",), grant_types=("authorization_code", "refresh_token", "client_credentials"), introspect_all=True,
)  # fmt: skip
SPA = Registration(name="SPA", kind="spa", redirect_uris=("https://app.example.test/cb",))


@pytest.mark.parametrize("wanted", [WEB, SPA], ids=["confidential", "public"])
def test_every_program_parses(app: Flask, ada: Person, wanted: Registration) -> None:
    client, _ = clients.register(ada.user, wanted)
    with app.app_context():
        snippets = apps_quickstart.snippets(client)
    assert {snippet.file.rpartition(".")[2] for snippet in snippets} == {"sh", "py", "mjs"}
    for snippet in snippets:
        _require_parses(snippet.file, snippet.text)
        assert client.id in snippet.text
        assert ("CLIENT_SECRET" in snippet.text) == (not client.public)
        assert "{{" not in snippet.text
        assert "{%" not in snippet.text


def _require_parses(file: str, text: str) -> None:
    commands: dict[str, Any] = {"sh": ["sh", "-n"], "mjs": ["node", "--check", "--input-type=module"]}
    kind = file.rpartition(".")[2]
    if kind == "py":
        ast.parse(text)
    elif kind == "sh" or (kind == "mjs" and shutil.which("node") and file):
        done = subprocess.run(commands[kind], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_job_gets_the_programs_of_jobs_alone(app: Flask, ada: Person) -> None:
    client, _ = clients.register(ada.user, Registration(name="Job", kind="machine"))
    with app.app_context():
        assert {snippet.file[:7] for snippet in apps_quickstart.snippets(client)} == {"machine"}


DEVICE = Registration(name="Television", kind="device", scopes=("openid", "email"))


def test_a_device_gets_the_program_that_the_examples_have(app: Flask, ada: Person) -> None:
    """`examples/device_cli.py`, which a test runs, but for where its values come from."""
    client, _ = clients.register(ada.user, DEVICE)
    with app.app_context():
        (snippet,) = apps_quickstart.snippets(client)
    _require_parses(snippet.file, snippet.text)
    example = (ROOT / "examples" / "device_cli.py").read_text(encoding="utf-8")
    example = example.replace('os.environ.get("SCOPE", "openid email")', '"openid email"')
    assert snippet.text[snippet.text.index("GRANT =") :].strip() == example[example.index("GRANT =") :].strip()
    assert f'ISSUER, CLIENT_ID = "http://localhost:8000", "{client.id}"' in snippet.text


def test_a_device_is_led_to_its_flow_and_to_its_page(http: FlaskClient, alice: Person) -> None:
    client, _ = clients.register(alice.user, DEVICE)
    forms.sign_in(http, alice.email, alice.password)
    assert '<option value="devices">' in _quickstart(http, client.id)
    page = _quickstart(http, client.id, "devices")
    assert client.id in page and "redirect URI is missing" not in page


def _quickstart(http: FlaskClient, client_id: str, software: str = "") -> str:
    return http.get(f"/apps/{client_id}/quickstart", query_string={"with": software}).get_data(as_text=True)


def test_other_peoples_software_is_shown_with_the_apps_own_values(http: FlaskClient, alice: Person) -> None:
    back = "https://site.example.test/accounts/oidc/my-server/login/callback/"
    scopes, grants = ("openid",), ("authorization_code",)
    wanted = Registration(name="Site", kind="web", redirect_uris=(back,), scopes=scopes, grant_types=grants)
    client, secret = clients.register(alice.user, wanted)
    forms.sign_in(http, alice.email, alice.password)
    assert '<option value="django-allauth">' in _quickstart(http, client.id)
    page = _quickstart(http, client.id, "django-allauth")
    assert f"&#34;client_id&#34;: &#34;{client.id}&#34;" in page
    assert secret and secret not in page and "YOUR_CLIENT_SECRET" in page
    assert "authserver client create" not in page and "redirect URI is missing" not in page


def test_a_redirect_uri_that_the_software_needs_is_asked_for(http: FlaskClient, alice: Person) -> None:
    wanted = Registration(name="Site", kind="web", redirect_uris=("https://site.example.test/cb",), scopes=("openid",))
    client, _ = clients.register(alice.user, wanted)
    forms.sign_in(http, alice.email, alice.password)
    page = _quickstart(http, client.id, "django-allauth")
    assert "redirect URI is missing" in page and f"/apps/{client.id}/edit" in page


@pytest.mark.parametrize("software", ["", "no-such-thing", "../README"])
def test_what_is_no_page_shows_the_programs(http: FlaskClient, alice: Person, software: str) -> None:
    client, _ = clients.register(alice.user, SPA)
    forms.sign_in(http, alice.email, alice.password)
    page = _quickstart(http, client.id, software)
    assert "code_curl.sh" in page and "django-allauth" not in page
