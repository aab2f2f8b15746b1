"""Explaining a refused credential: whatever it says, it is only read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from authserver.domain.insight import credential_checks, refusals
from authserver.domain.insight.refusals import Viewer
from authserver.errors import NotFound
from authserver.lib import clock, secrets
from tests.conftest import Person
from tests.support import databases, own_jwts, protocol
from tests.support.protocol import App
from tests.support.tables import rows

ODD = [None, True, -1, 0, 2**70, 1e300, "", "x" * 5000, "\ud800\0", [], [1, None], {"a": 1}, [["a"]]]


def forged(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), b"signature")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.fixture
def client(alice: Person) -> App:
    return protocol.register(owner_id=alice.id, jwks=own_jwts.key_set(own_jwts.pair()))


@rows("odd", ODD)
def test_no_claim_is_odd_enough_to_break_it(client: App, odd: Any) -> None:
    now = clock.now()
    for typ, names_client in (("at+jwt", "client_id"), ("JWT", "iss")):
        good = {"iss": "x", "sub": client.id, "aud": "x", "exp": now + 60, "iat": now, "jti": "j", "scope": "a",
                names_client: client.id}  # fmt: skip
        for claim in good:
            found = credential_checks.explain(forged({"typ": typ, "alg": "ES256"}, {**good, claim: odd}), ip="")
            assert found is None or not all(check.ok for check in found.checks)
        credential_checks.explain(forged({"typ": odd, "alg": odd, "kid": odd}, good), ip="")


def test_a_forged_token_names_a_client_and_no_person(client: App, bob: Person) -> None:
    claims = {"client_id": client.id, "sub": bob.id, "jti": "x", "exp": 1, "iat": 1, "iss": "x", "aud": "x"}
    found = credential_checks.explain(forged({"typ": "at+jwt", "alg": "ES256", "kid": "x"}, claims), ip="")
    assert found is not None and (found.client_id, found.owner_id) == (client.id, None)


@pytest.mark.parametrize("text", ["", "garbage", "eyJ", "a.b.c", "kaie_ak_x", "kaie_rt_x", "é" * 100])
def test_what_belongs_to_nobody_is_not_explained(app: object, text: str) -> None:
    assert credential_checks.explain(text, ip="") is None


def test_a_key_that_nobody_made_is_not_explained(app: object) -> None:
    assert credential_checks.explain(secrets.generate("kaie", "ak"), ip="") is None


@pytest.mark.parametrize(
    ("kind", "said"),
    [("refresh_token", "a refresh token"), ("id_token", "an ID token"), ("client_secret", "a client secret")],
)
@pytest.mark.parametrize("path", ["/v1/me", "/gateway/auth"])
def test_a_credential_of_another_kind_is_named_to_the_owner_of_the_app(
    app: Any, alice: Person, bob: Person, client: App, kind: str, said: str, path: str
) -> None:
    made = {**protocol.tokens_for(bob.id, client), "client_secret": client.secret}
    answer = app.test_client().get(path, headers={"Authorization": f"Bearer {made[kind]}"})
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"]) == (401, "INVALID_TOKEN")
    assert said not in answer.text
    found = refusals.get(Viewer(user=alice.user), error["request_id"])
    assert (found.client_id, [each["received"] for each in found.checks]) == (client.id, [said])
    with pytest.raises(NotFound):
        refusals.get(Viewer(user=bob.user), error["request_id"])


def test_an_id_token_that_somebody_made_up_is_no_proof(app: object, client: App) -> None:
    token = forged({"typ": "JWT", "alg": "RS256", "kid": "x"}, {"iss": databases.ISSUER, "aud": client.id, "sub": "x"})
    found = credential_checks.explain(token, ip="")
    assert found is not None and not found.proven and not found.checks[0].ok


def test_an_explanation_that_fails_leaves_the_refusal_as_it_is(
    app: Any, client: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(credential_checks, "explain", fail)
    answer = app.test_client().get("/v1/me", headers={"Authorization": "Bearer garbage"})
    assert answer.status_code == 401
