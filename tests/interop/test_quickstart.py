"""The programs that an app's Quickstart tab shows, taken from the page and run as a person would run them."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from authserver.lib import jwt
from tests.services import missing, node
from tests.support.browsing import Browser
from tests.support.own_jwts import key_set, pair
from tests.support.served import Served
from tests.support.third_party import App

pytestmark = [pytest.mark.served, pytest.mark.interop]
OWNER = "owner@example.test"
SECONDS = 60
CODE = ("code_curl.sh", "code_authlib.py", "code_requests_oauthlib.py", "code_oauth4webapi.mjs")
MACHINE = ("machine_curl.sh", "machine_authlib.py", "machine_requests_oauthlib.py", "machine_oauth4webapi.mjs")
API = ("api_introspect.sh", "api_introspect.py")


def programs(served: Served, app: App, reader: str = OWNER) -> dict[str, str]:
    """What the page offers for this app: file name → text."""
    page = served.browser(reader).open(f"/apps/{app.client_id}/quickstart")
    assert page.status == 200, page.text[:1000]
    found = re.findall(r'<pre[^>]*aria-label="([^"]+)"[^>]*><code>(.*?)</code></pre>', page.text, re.S)
    return {name: html.unescape(text) for name, text in found}


def start(folder: Path, name: str, text: str, app: App, *words: str) -> subprocess.Popen[str]:
    """Run a program in a folder of its own, with nothing but the secret in its environment."""
    if name.endswith(".mjs"):
        folder = Path(node.folder("oauth4webapi"))
        command, name = node.command(), f"run-{os.getpid()}-{name}"
    elif name.endswith(".sh"):
        for tool in ("curl", "openssl"):
            if shutil.which(tool) is None:
                missing.skip_or_fail(f"{tool} is not installed", f"sudo apt-get install -y {tool}")
        command = ["sh"]
    else:
        command = [sys.executable]
    file = folder / name
    file.write_text(text)
    environment = {"PATH": os.environ["PATH"], "CLIENT_SECRET": app.client_secret, "HOME": str(folder)}
    environment |= {"PRIVATE_KEY": str(folder / "private.pem")} if not app.client_secret else {}
    try:
        return subprocess.Popen(
            [*command, str(file), *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        if name.endswith(".mjs"):
            _remove_later.append(file)


_remove_later: list[Path] = []


@pytest.fixture(autouse=True)
def _tidy() -> Any:
    yield
    while _remove_later:
        _remove_later.pop().unlink(missing_ok=True)


def finish(program: subprocess.Popen[str], typed: str = "") -> dict[str, Any]:
    """The JSON object that the program prints last."""
    output, errors = program.communicate(typed, timeout=SECONDS)
    assert program.returncode == 0, errors + output
    return dict(json.loads(output[output.index("{") :]))


def visit(browser: Browser, url: str) -> str:
    answer = browser.open(url)
    if answer.status == 200:
        answer = browser.submit(answer.form("/oauth/authorize/consent"), action="allow")
    assert answer.status == 303, answer.text[:2000]
    return answer.location


@pytest.mark.parametrize("name", CODE)
@pytest.mark.parametrize("public", [False, True], ids=["with a secret", "without a secret"])
def test_a_person_signs_in_with_the_program_from_the_page(
    served: Served, tmp_path: Path, name: str, public: bool
) -> None:
    served.user(OWNER)
    words = ["--public"] if public else []
    app = served.app("Quick start", *words, "--owner", OWNER, "--scope", "email workflows:read")
    program = start(tmp_path, name, programs(served, app)[name], app)
    assert program.stdout
    line = ""
    while "http" not in line:
        line = program.stdout.readline()
        assert line, program.communicate()
    url = re.search(r"http\S+", line)
    assert url
    token = finish(program, visit(served.browser("alice@example.test"), url[0]) + "\n")
    assert app.userinfo(token["access_token"]).status in (200, 403)
    assert set(token["scope"].split() if isinstance(token["scope"], str) else token["scope"]) == {
        "email",
        "workflows:read",
    }


@pytest.mark.parametrize("name", MACHINE)
def test_a_machine_gets_its_token_with_the_program_from_the_page(served: Served, tmp_path: Path, name: str) -> None:
    served.user(OWNER)
    app = served.machine("Quick job", "--owner", OWNER)
    token = finish(start(tmp_path, name, programs(served, app)[name], app))
    assert token["token_type"].lower() == "bearer" and app.is_active(token["access_token"])


def test_a_machine_that_signs_gets_its_token_with_the_program_from_the_page(served: Served, tmp_path: Path) -> None:
    served.user(OWNER)
    (tmp_path / "private.pem").write_bytes(pair("RS256").as_pem(private=True))
    (tmp_path / "public.json").write_text(json.dumps(key_set(pair("RS256"))))
    app = served.machine(
        "Quick signer", "--owner", OWNER, "--auth-method", "private_key_jwt", "--jwks", str(tmp_path / "public.json")
    )
    shown = programs(served, app)
    assert app.client_secret == "" and list(shown) == ["keyed_authlib.py"]
    token = finish(start(tmp_path, "keyed_authlib.py", shown["keyed_authlib.py"], app))
    claims = jwt.peek_claims(token["access_token"])
    assert (claims["client_id"], claims["sub"]) == (app.client_id, app.client_id)


@pytest.mark.parametrize("name", API)
def test_an_api_asks_about_a_token_with_the_program_from_the_page(served: Served, tmp_path: Path, name: str) -> None:
    operator = "operator@example.test"  # who may let an app check every credential (contract 11.36)
    served.user(operator, admin=True)
    job = served.machine("Quick job")
    api = served.app("Quick API", "--introspect-all", "--grant", "client_credentials", "--owner", operator)
    token = job.client_credentials().json["access_token"]
    told = finish(start(tmp_path, name, programs(served, api, operator)[name], api, token))
    assert told["active"] is True and told["client_id"] == job.client_id


def test_the_page_shows_no_secret(served: Served) -> None:
    served.user(OWNER)
    app = served.app("Quick start", "--owner", OWNER)
    assert app.client_secret not in served.browser(OWNER).open(f"/apps/{app.client_id}/quickstart").text
