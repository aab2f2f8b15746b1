"""Writes credentials.md and, with Graphviz, the picture of the data flow.

`.venv/bin/python docs/security/generate.py`; Graphviz is the Debian package `graphviz`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGE = FOLDER / "credentials.md"
SOURCE, PICTURE = FOLDER / "data-flow.dot", FOLDER / "data-flow.svg"
sys.path.insert(0, str(FOLDER.parents[1]))

from authserver import api  # noqa: E402  # the path comes first
from authserver.config.settings import Settings  # noqa: E402
from authserver.domain.access import permissions, scopes  # noqa: E402
from authserver.domain.api_keys import wishes as key_wishes  # noqa: E402
from authserver.domain.authorization import devices  # noqa: E402
from authserver.domain.authorization import requests as authorization_requests  # noqa: E402
from authserver.domain.clients import privileges  # noqa: E402
from authserver.domain.ground import one_time_links  # noqa: E402
from authserver.domain.tokens import server_jwts  # noqa: E402
from authserver.edge import current_user  # noqa: E402
from authserver.lib import durations  # noqa: E402

HEAD = """# Credentials: which can do what

Made by `docs/security/generate.py` from [authority.toml](authority.toml), the scopes and the routes; a test compares it
with them, and `tests/architecture/test_authority.py` compares the table with the server: every view, verb, field and
option.
"""


def page() -> str:
    """The whole page."""
    authority = tomllib.loads((FOLDER / "authority.toml").read_text(encoding="utf-8"))
    parts = (HEAD, _kinds(), _scopes(), _levels(), _operations(authority), _fields(authority), _privileges(),
             _views(authority), _commands(authority))  # fmt: skip
    return "\n".join(parts)


def _kinds() -> str:
    settings, said = Settings(), durations.in_words
    links = ", ".join(f"`{name}` {said(seconds)}" for name, (seconds, _) in one_time_links.PURPOSES.items())
    refresh = f"{said(settings.refresh_token_idle_ttl)} unused, {said(settings.refresh_token_max_ttl)} in all"
    session = f"{said(settings.session_idle_ttl)} idle, {said(settings.session_max_ttl)} in all"
    rows = [
        ("a password", "a person, at sign-in and at a fresh proof", "opens a session, no API", "until changed"),
        ("the session's cookie", "a browser", "pages, as the person and role of now", session),
        ("a link that works once", "who has the mail or was handed it", "what its purpose says, once", links),
        ("a link of an authorization request", "the browser that it was made for", "goes on with that request",
         said(authorization_requests.LIFETIME)),
        ("an authorization code", "the client it was made for, with the verifier", "yields tokens, once",
         said(settings.authorization_code_ttl)),
        ("a device code", "the client it was made for, once its person allowed it", "yields tokens, once",
         said(devices.LIFETIME)),
        ("a refresh token", "the client it was made for", "yields the next tokens, once", refresh),
        ("an access token", "the app that got it", "the scopes it carries, at the audience it names",
         said(settings.access_token_ttl)),
        ("a client's secret or key", "an app's server", "authenticates the client; no API takes it", "until rotated"),
        ("a client's own JWT", "a machine with a registered key", "the client's scopes, for itself",
         f"at most {said(server_jwts.MAX_LIFETIME)}"),
        ("an API key", "a program of its owner", "the scopes of its level, within the role of its owner",
         f"{said(key_wishes.DEFAULT_LIFETIME)} unless chosen otherwise"),
        ("a shell on the server", "the operator", "every command", "as the machine says"),
    ]  # fmt: skip
    return "## Kinds\n\n" + _table(("credential", "held by", "can", "lives"), rows)


def _scopes() -> str:
    rows = [
        (f"`{each.name}`", each.title, each.cannot, _who_gives(each))
        for each in sorted(scopes.BUILTIN, key=lambda found: found.position)
    ]
    return "## Scopes that are built in\n\n" + _table(("scope", "allows to", "not", "given to apps by"), rows)


def _who_gives(scope: scopes.ScopeFacts) -> str:
    if scope.admin_only:
        return "administrators, for people who are one"
    return "owners" if scope.self_service else "administrators"


def _levels() -> str:
    rows = [(f"`{name}`", title, _code(bundle)) for name, title, bundle in permissions.SEEDS]
    text = "Administrators may change the bundles. A key loses `admin` when its owner is no administrator any more.\n\n"
    return "## Levels of API keys\n\n" + text + _table(("level", "shown as", "scopes at the start"), rows)


def _operations(authority: Mapping[str, Any]) -> str:
    rows = [
        (f"`{route.method} {route.path}`", route.summary, _needed(route),
         authority["api"].get(f"{route.method} {route.path}", {}).get("makes", ""))
        for route in api.ROUTES
    ]  # fmt: skip
    text = (
        "Whatever the scope: a person's credential reaches what is theirs, an administrator's with `admin`\n"
        "everybody's; what is another's is answered like what does not exist. `makes` says how the authority that an\n"
        "operation makes is held ([decision 14](../decisions/0014-a-key-makes-no-stronger-key.md)).\n\n"
    )
    return "## Operations of the API\n\n" + text + _table(("operation", "does", "needs", "makes"), rows)


def _needed(route: Any) -> str:
    if route.open:
        return "nothing"
    needed = _code(route.scopes) or "any credential"
    return f"{needed}; a token of an app {_code(route.token_scopes)}" if route.token_scopes else needed


def _fields(authority: Mapping[str, Any]) -> str:
    groups = {**authority["page_fields"], **{name: line.get("fields", {}) for name, line in authority["api"].items()}}
    rows = [
        (f"`{place}`", _code(sorted(own)))
        for place, fields in groups.items()
        if (own := [name for name, who in fields.items() if who == "administrators"])
    ]
    return "## Fields that administrators alone write\n\n" + _table(("form or operation", "fields"), rows)


def _privileges() -> str:
    rows = [(f"`{name}`", says) for name, says in sorted(privileges.PRIVILEGES.items())]
    text = (
        "\nThey count while the app belongs to the installation or to an administrator\n"
        "(`authserver/domain/clients/privileges.py`, `tests/domain/clients/test_privileges.py`).\n"
        f"While an app has one, administrators alone change its {_code(sorted(privileges.GUARDED))}.\n"
    )
    return "## Privileges of apps\n\n" + _table(("privilege", "the app"), rows) + text


def _views(authority: Mapping[str, Any]) -> str:
    rows = [
        (f"`{name}`", line["who"], line["proof"] or f"no: {line['why']}")
        for name, line in authority["pages"].items()
    ]  # fmt: skip
    minutes = durations.in_words(current_user.RECENT_SECONDS)
    text = f"A fresh proof is the password, given within {minutes}.\n\n"
    return "## Pages that change something\n\n" + text + _table(("view", "for", "fresh proof"), rows)


def _commands(authority: Mapping[str, Any]) -> str:
    return f"\n## Commands\n\nThe operator's, all of them: {_code(authority['cli'])}.\n"


def _code(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(cell for cell in line)} |\n" for line in lines)


def mark() -> str:
    """The line in the picture that says which source it was drawn from."""
    return f"<!-- drawn from {SOURCE.name}, SHA-256 {hashlib.sha256(SOURCE.read_bytes()).hexdigest()} -->"


def draw() -> None:
    """Draw the picture from its source, marked with the source's digest; without Graphviz, say so."""
    dot = shutil.which("dot")
    if dot is None:
        print("The picture stays as it is: `dot` of Graphviz is not here.", file=sys.stderr)  # noqa: T201  # a script
        return
    drawn = subprocess.run([dot, "-Tsvg", SOURCE], capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603  # no input
    PICTURE.write_text(drawn.rstrip() + "\n" + mark() + "\n", encoding="utf-8")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    draw()
