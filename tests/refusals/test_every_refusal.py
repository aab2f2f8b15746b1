"""Each line of the server that refuses is provoked over HTTP, and its page names the true reason and only that."""

from __future__ import annotations

import re
from pathlib import Path

from tests.refusals import (
    lines,
    rows_of_answers,
    rows_of_assertions,
    rows_of_credentials,
    rows_of_devices,
    rows_of_gateways,
    rows_of_grants,
    rows_of_logouts,
    rows_of_requests,
    rows_of_sign_ins,
    rows_of_tokens,
)
from tests.refusals.world import World, judge

TOKEN = (
    "oauth/client.py", "oauth/request_rules.py", "oauth/server.py",
    "oauth/grants/authorization_code.py", "oauth/grants/client_credentials.py", "oauth/grants/refresh_token.py",
    "oauth/grants/device_code.py", "oauth/endpoints/device_authorization.py", "domain/grants/device_codes.py",
    "oauth/endpoints/token.py", "oauth/endpoints/introspection.py", "oauth/endpoints/revocation.py",
    "oauth/endpoints/userinfo.py", "domain/grants/codes.py", "domain/grants/refresh_tokens.py",
    "domain/limits/token_budget.py", "domain/limits/stored_rows.py", "domain/clients/throttle.py",
    "domain/tokens/issuance.py", "domain/tokens/client_assertions.py",
)  # fmt: skip
SIGN_INS = (
    "oauth/authorization_parameters.py", "oauth/authorization_rules.py", "oauth/endpoints/authorization.py",
    "domain/authorization/requests.py",
    "domain/authorization/steps.py", "domain/authorization/answers.py", "pages/consent.py", "pages/device.py",
    "domain/authorization/devices.py", "domain/authorization/device_answers.py",
    "oauth/request_object.py", "oauth/authentication_request.py", "oauth/id_token_hint.py", "oauth/logout_rules.py",
    "domain/tokens/id_tokens.py",
)  # fmt: skip
CREDENTIALS = (
    "lib/jwt.py", "domain/clients/keys.py", "domain/tokens/server_jwts.py", "domain/tokens/inspection.py",
    "domain/tokens/signatures.py",
    "domain/api_keys/judging.py", "domain/grants/grants.py", "domain/webhooks/endpoints.py",
    "domain/limits/changes.py", "edge/bearer.py", "edge/cors.py", "edge/json_errors.py", "edge/rate_limit.py",
    "edge/refused.py", "edge/step_up.py", "gateway/decision.py",
)  # fmt: skip
NOT_BY_A_CREDENTIAL = {
    "get: raise NotFound(": "not found is not found: the answer says it all",
    "_locked: raise NotFound(": "not found is not found: the answer says it all",
    "_check_room: ": "forms",
    "_require_on: ": "forms",
    "revise: ": "forms",
    "spend_on_page: ": "forms",
    "roll: ": "forms",
    "verify: raise Invalid('A body": "a wrong body is answered with its problem",
    "_require_room: raise jwt.InvalidToken": "only who introspects is told, and the answer is no refusal",
    "_split: raise InvalidToken('not a compact JWS') from": "what is not ASCII does not look like a JWT",
    "_verified: raise jwt.InvalidToken('algorithm": "of what no key of ours ever signs; the tests of RFC 9068 forge it",
    "verify_named: raise ": "of request objects, which come to a sign-in",
    "read_unsigned: raise ": "of request objects, which come to a sign-in",
    "verify_unnamed: raise InvalidToken('algorithm": "refused by name before; here for who calls it alone",
    "verify_unnamed: raise InvalidToken('no kid": "refused by name before; here for who calls it alone",
}


def test_at_the_endpoints_of_tokens(world: World) -> None:
    judge(
        world,
        (
            *rows_of_requests.ROWS,
            *rows_of_assertions.ROWS,
            *rows_of_grants.ROWS,
            *rows_of_tokens.ROWS,
            *rows_of_devices.AT_ENDPOINTS,
        ),
        TOKEN,
        {"_caller: raise InvalidClient": "an app that went between the look at its token and at itself"},
    )


def test_at_the_way_of_a_sign_in(world: World) -> None:
    judge(
        world,
        (*rows_of_sign_ins.ROWS, *rows_of_devices.ON_PAGES, *rows_of_devices.AT_ENDPOINTS, *rows_of_logouts.ROWS),
        SIGN_INS,
        {},
    )


def test_of_credentials(world: World) -> None:
    judge(
        world,
        (*rows_of_credentials.ROWS, *rows_of_gateways.ROWS, *rows_of_answers.ROWS, *rows_of_grants.OF_RESOURCES),
        CREDENTIALS,
        NOT_BY_A_CREDENTIAL,
    )


# What refuses, too, and is no request of a program: who asked reads all there is to know in the answer itself.
ELSEWHERE = {
    "cli/": "commands speak to who typed them",
    "domain/api_keys/keys.py": "forms; whether a key is good says `judging`",
    "domain/ground/reasons.py": "keeps what others say",
    "domain/insight/": "reads what others said",
    "errors.py": "what refusals are made of",
    "oauth/errors.py": "what refusals are made of",
    "oauth/refusal_checks.py": "keeps what others say",
}


def test_whatever_explains_a_refusal_is_in_one_of_the_tables() -> None:
    """A module that makes checks, notes reasons or refuses as the protocol does, and stands nowhere here, is new."""
    known = {*TOKEN, *SIGN_INS, *CREDENTIALS}
    found = {path.relative_to(lines.SOURCE).as_posix() for path in lines.SOURCE.rglob("*.py") if explains(path)}
    assert not {each for each in found - known if not each.startswith(tuple(ELSEWHERE))}
    assert not {each for each in known if not (lines.SOURCE / each).exists()}


def explains(path: Path) -> bool:
    text = path.read_text("utf-8")
    return bool(_EXPLAINS.search(text))


_EXPLAINS = re.compile(
    r"\bCheck\(|\breasons\.note|\braise (jwt\.)?InvalidToken\b|\bUntrusted\(|\.because\("
    r"|from authserver\.oauth\.errors import"
)
