"""Log lines of requests hold no one-time token, whatever a path looks like."""

from __future__ import annotations

import pytest

from authserver.edge import request_log

TOKEN = "Zk3v9Qm2Tn8xLw5R"


@pytest.mark.parametrize(
    "path",
    ["/welcome/{}", "/WELCOME/{}", "/Welcome//{}", "//welcome/{}", "/auth/welcome/{}", "/welcome/{}/", "/welcome/x/{}",
     "/password/reset/{}", "/Password/RESET/{}", "/password//reset/{}", "/this-was-not-me/{}", "/verify/{}",
     "/welcome/%2f{}"],
)  # fmt: skip
def test_a_link_token_never_reaches_the_log(path: str) -> None:
    assert TOKEN not in request_log.redact_path(path.format(TOKEN))


@pytest.mark.parametrize("path", ["/apps/welcome", "/password/reset", "/oauth/token", "/welcome", "/admin/users/17"])
def test_other_paths_are_logged_as_they_are(path: str) -> None:
    assert request_log.redact_path(path) == path
