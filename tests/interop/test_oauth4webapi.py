"""oauth4webapi under Node, the strictest of the widely used clients."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.services import node
from tests.support.browsing import Browser
from tests.support.served import Served
from tests.support.third_party import App

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
LOOPBACK = "http://127.0.0.1:49152/callback"


def run(app: App, browser: Browser | None = None, **given: Any) -> dict[str, Any]:
    """The script's answer; `browser` is the person it sends to the authorize page."""
    facts = {
        "issuer": app.issuer,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uri": app.redirect_uri,
        "scope": "openid profile email workflows:read",
        "algorithm": "oidc",
        "method": "client_secret_basic",
    } | given
    script = subprocess.Popen(
        [*node.command(), "flow.mjs", json.dumps(facts)],
        cwd=node.folder("oauth4webapi"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert script.stdin and script.stdout and script.stderr
    try:
        said = json.loads(script.stdout.readline() or "{}")
        if "open" in said:
            assert browser is not None
            answer = browser.open(said["open"])
            if answer.status == 200:
                answer = browser.submit(answer.form("/oauth/authorize/consent"), action="allow")
            assert answer.location.startswith(app.redirect_uri), (answer.status, answer.text[:2000])
            script.stdin.write(answer.location + "\n")
            script.stdin.flush()
            said = json.loads(script.stdout.readline() or "{}")
        assert "done" in said, script.stderr.read()
        return dict(said["done"])
    finally:
        script.kill()
        script.communicate()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("algorithm", ["oidc", "oauth2"])
def test_a_web_app_signs_a_person_in_with_every_check_on(served: Served, method: str, algorithm: str) -> None:
    app = served.app("Strict web app", "--auth-method", method)
    done = run(app, served.browser("alice@example.test"), method=method, algorithm=algorithm)
    alice = served.user("alice@example.test")
    assert done["claims"]["sub"] == done["access"]["sub"] == done["userinfo"]["sub"] == alice
    assert done["userinfo"]["email"] == "alice@example.test"
    assert done["introspection"]["active"] is True and done["introspection"]["client_id"] == app.client_id
    assert done["rotated"] is True
    assert done["after"] == "invalid_grant"


def test_a_native_app_without_a_secret_comes_back_to_its_own_port(served: Served) -> None:
    app = served.app("Strict command line", "--public", redirect_uri="http://127.0.0.1/callback")
    app.redirect_uri = LOOPBACK
    done = run(app, served.browser("alice@example.test"), method="none")
    assert done["claims"]["sub"] == served.user("alice@example.test")
    assert done["after"] == "invalid_grant"


def test_a_machine_gets_a_token_that_passes_rfc_9068(served: Served) -> None:
    app = served.machine("Strict job")
    done = run(app, flow="machine", scope="workflows:read")
    assert done["access"]["client_id"] == app.client_id
    assert done["scope"] == "workflows:read"
    assert done["introspection"]["active"] is True


def test_a_client_finds_the_server_from_the_401_of_the_api(served: Served) -> None:
    done = run(served.machine("Strict explorer"), flow="api", scope="workflows:read")
    api = f"{served.issuer}/v1"
    assert done["named"] == [f"{served.issuer}/.well-known/oauth-protected-resource/v1"]
    assert done["resource"]["resource"] == done["access"]["aud"] == api
    assert api in done["servers"]
    assert done["status"] == 200


def test_an_id_token_signed_with_es256_is_accepted_when_the_client_registered_it(served: Served) -> None:
    metadata = {
        "client_name": "Modern app",
        "redirect_uris": ["https://modern.example.test/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid email profile workflows:read",
        "id_token_signed_response_alg": "ES256",
    }
    file = served.folder / "modern.json"
    file.write_text(json.dumps(metadata))
    app = served.app("Modern app", "--from", str(file))
    app.redirect_uri = metadata["redirect_uris"][0]
    browser = served.browser("alice@example.test")
    tokens = app.tokens(browser)
    from authserver.lib import jwt

    assert jwt.peek_header(tokens["id_token"])["alg"] == "ES256"
