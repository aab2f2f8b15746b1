"""One server per module: every row of a table is a request that must change nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.served import KINDS
from tests.support.standing import Standing, standing
from tests.support.third_party import App


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Standing]:
    with standing(request.param, smtp_url="smtp://127.0.0.1:9", mail_from="auth@example.test") as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Standing) -> App:
    """A confidential app with every grant."""
    device = "urn:ietf:params:oauth:grant-type:device_code"
    grants = ("authorization_code", "refresh_token", "client_credentials", device)
    return server.register("Example", grant_types=grants)
