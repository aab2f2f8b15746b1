"""What every refusal has in common: nothing of our insides, nothing cached, nothing echoed."""

from __future__ import annotations

import re

from tests.support.browsing import Answer

# RFC 6749 section 5.2: the characters of error and error_description.
ALLOWED = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
INSIDES = re.compile(
    r"Traceback|sqlalchemy|psycopg|sqlite3|werkzeug|authlib|site-packages|SELECT .* FROM|UPDATE .* SET"
)


def check(answer: Answer) -> None:
    """A refusal of a machine endpoint in the format of RFC 6749."""
    assert 400 <= answer.status < 500, (answer.status, answer.text)
    assert answer.header("Content-Type").startswith("application/json"), answer.headers
    assert "no-store" in answer.header("Cache-Control")
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert set(answer.json) <= {"error", "error_description", "error_uri"}, answer.json
    for text in answer.json.values():
        assert ALLOWED.fullmatch(text), text
    check_quiet(answer)


def check_quiet(answer: Answer) -> None:
    """Nothing tells of the code behind it."""
    assert not INSIDES.search(answer.text), answer.text[:500]
    assert not any(name.lower() == "x-powered-by" for name, _ in answer.headers)
