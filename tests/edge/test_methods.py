"""Methods that nothing here answers (ASVS 13.4.4)."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT"])
def test_trace_is_answered_nowhere(app: Flask, http: FlaskClient, method: str) -> None:
    """Of every route, in the lane and behind it: refused, and nothing of the request comes back."""
    wrong, asked = [], 0
    for rule in app.url_map.iter_rules():
        path = app.url_for(rule.endpoint, **dict.fromkeys(rule.arguments, "x"))
        answer = http.open(path, method=method, headers={"X-Canary": "kept-to-oneself"})
        asked += 1
        refused = answer.status_code in (401, 404, 405) or path.startswith("/gateway/")
        if not refused or "kept-to-oneself" in answer.text + str(answer.headers):
            wrong.append(f"{path}: {answer.status_code}")
    assert asked > 80
    assert not wrong, "\n".join(wrong)
