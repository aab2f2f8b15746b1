"""What a program says of itself when it registers: which one it is, and with what it signs (RFC 7591 section 2)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.support import own_jwts, protocol
from tests.support.registering import manage, register

WEB = {"application_type": "web", "redirect_uris": ["https://app.example.com/cb"]}
PROGRAM = {"software_id": "4NRB1-0XZABZI9E6-5SM3R", "software_version": "2.1"}


@pytest.fixture
def overrides() -> dict[str, Any]:
    return {"registration": "open"}


def test_which_program_it_is_is_kept_as_its_maker_says(app: Flask) -> None:
    """RFC 7591 section 2: the same in every copy of the program."""
    said = register(**WEB, **PROGRAM).json
    assert PROGRAM.items() <= said.items()
    newer = {**PROGRAM, "software_version": "2.2"}
    changed = manage("PUT", said, {**WEB, **newer, "client_id": said["client_id"]})
    assert newer.items() <= changed.json.items()


def test_it_signs_with_the_algorithm_that_it_registered_alone(app: Flask) -> None:
    """OpenID Connect Registration 1.0, section 2: what is signed with another is rejected."""
    keys = (own_jwts.pair(), own_jwts.pair("RS256"))
    method = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "RS256"}
    said = register(**WEB, **method, jwks=own_jwts.key_set(*keys)).json
    assert method.items() <= said.items() and "client_secret" not in said
    sent = {"grant_type": "refresh_token", "refresh_token": "x"}
    errors = [protocol.send("/oauth/token", sent | own_jwts.assertion(said["client_id"], key)).error for key in keys]
    assert [code for _, code in errors] == ["invalid_client", "invalid_grant"]


@pytest.mark.parametrize(
    "wrong",
    [{"token_endpoint_auth_signing_alg": "HS256"}, {"token_endpoint_auth_signing_alg": "none"},
     {"token_endpoint_auth_signing_alg": ["ES256"]}, {"token_endpoint_auth_signing_alg": "es256"},
     {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "RS256",
      "jwks": own_jwts.key_set(own_jwts.pair())},
     {"require_auth_time": "true"}, {"require_auth_time": 1}, {"software_id": 7}, {"software_id": "x" * 256},
     {"software_version": ["1"]}, {"software_version": "1\u202e2"}, {"software_id": "a\nb"}],
)  # fmt: skip
def test_what_is_wrong_in_how_it_signs_and_which_program_it_is(app: Flask, wrong: dict[str, Any]) -> None:
    reply = register(**WEB, **wrong)
    assert reply.error == (400, "invalid_client_metadata")
    assert next(name for name in wrong if name != "token_endpoint_auth_method") in reply.json["error_description"]
