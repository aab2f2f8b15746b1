"""Secrets and signing keys change while requests run: nothing fails (security.md 13.3.4 and E11)."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
import requests

from authserver.lib import jwt
from tests.support.served import Served

pytestmark = pytest.mark.served
THREADS = 3
PAUSE = 0.01  # enough requests to hit every moment of a rotation, and time left for the rotation itself


def test_a_client_secret_rotates_with_overlap_while_both_secrets_are_in_use(served: Served) -> None:
    app = served.machine("Rotating job")
    stop, seen = threading.Event(), []

    def work(number: int) -> None:
        session = requests.Session()
        while not stop.is_set():
            got = session.post(
                app.issuer + "/oauth/token",
                {"grant_type": "client_credentials"},
                auth=(app.client_id, secrets[number % len(secrets)]),
                timeout=30,
            )
            seen.append(got.status_code)
            time.sleep(PAUSE)

    secrets = [app.client_secret]
    workers = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for each in workers:
        each.start()
    try:
        rotated = served.cli("client", "rotate-secret", app.client_id)
        secrets.append(rotated["client_secret"])
        time.sleep(1.5)
    finally:
        stop.set()
        for each in workers:
            each.join()
    assert Counter(seen) == {200: len(seen)}
    assert len(seen) > 20


def test_signing_keys_rotate_and_every_token_verifies_with_the_key_set_fetched_before(served: Served) -> None:
    app = served.machine("Signed job")
    stop = threading.Event()
    tokens: list[str] = []

    def work(_number: int) -> None:
        session = requests.Session()
        while not stop.is_set():
            known = session.get(app.issuer + "/.well-known/jwks.json", timeout=30).json()
            got = session.post(
                app.issuer + "/oauth/token",
                {"grant_type": "client_credentials"},
                auth=(app.client_id, app.client_secret),
                timeout=30,
            )
            token = got.json()["access_token"]
            # Verified as a resource server would, with the set it had before the token was made.
            kid = jwt.peek_header(token)["kid"]
            assert kid in {key["kid"] for key in known["keys"]}, (kid, known)
            tokens.append(token)
            time.sleep(PAUSE)

    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for each in workers:
        each.start()
    try:
        served.cli("jwks", "rotate")
        time.sleep(1.5)
    finally:
        stop.set()
        for each in workers:
            each.join()
    assert not failures, failures[0]
    _verify_all(app.issuer, tokens)
    assert app.is_active(tokens[-1]) and app.is_active(tokens[0])


def _verify_all(issuer: str, tokens: list[str]) -> None:
    from joserfc import jwt as jose
    from joserfc.jwk import KeySet

    keys = KeySet.import_key_set(requests.get(issuer + "/.well-known/jwks.json", timeout=30).json())
    for token in tokens[:: max(1, len(tokens) // 200)] + tokens[-1:]:
        assert jose.decode(token, keys, algorithms=["ES256"]).claims["iss"] == issuer
    assert len(tokens) > 20
