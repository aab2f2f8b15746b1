"""The programs of a quickstart are programs: each parses in its language, whatever an owner's values are."""

from __future__ import annotations

import ast
import shutil
import subprocess
from typing import Any

import pytest
from flask import Flask

from authserver.dashboard import apps_quickstart
from authserver.domain import clients
from authserver.domain.client_metadata import Registration
from tests.conftest import Person

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
