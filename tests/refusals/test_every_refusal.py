"""Each line of the server that refuses is provoked over HTTP, and its page names the true reason and only that."""

from __future__ import annotations

from tests.refusals import rows_of_grants, rows_of_requests, rows_of_sign_ins, rows_of_tokens
from tests.refusals.world import World, judge

TOKEN = (
    "oauth/client.py", "oauth/request_rules.py", "oauth/server.py",
    "oauth/grants/authorization_code.py", "oauth/grants/client_credentials.py", "oauth/grants/refresh_token.py",
    "oauth/endpoints/token.py", "oauth/endpoints/introspection.py", "oauth/endpoints/revocation.py",
    "oauth/endpoints/userinfo.py", "domain/grants/codes.py", "domain/grants/refresh_tokens.py",
    "domain/limits/token_budget.py", "domain/limits/stored_rows.py", "domain/clients/throttle.py",
    "domain/tokens/issuance.py",
)  # fmt: skip
SIGN_INS = (
    "oauth/authorization_rules.py", "oauth/endpoints/authorization.py", "domain/authorization/requests.py",
    "domain/authorization/steps.py", "domain/authorization/answers.py", "pages/consent.py",
)  # fmt: skip


def test_at_the_endpoints_of_tokens(world: World) -> None:
    judge(
        world,
        (*rows_of_requests.ROWS, *rows_of_grants.ROWS, *rows_of_tokens.ROWS),
        TOKEN,
        {"raise InvalidClient(by_header=True)": "an app that went between the look at its token and at itself"},
    )


def test_at_the_way_of_a_sign_in(world: World) -> None:
    judge(world, rows_of_sign_ins.ROWS, SIGN_INS, {})
