"""Canaries: a whole life at DEBUG, with faults forced, and no secret in any line, metric or row (C34, 16.2.5)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.people import links, users
from authserver.domain.tokens import inspection
from authserver.lib import secrets
from authserver.observability import logs
from tests.support.served import KINDS
from tests.support.standing import PASSWORD, Standing, standing
from tests.support.third_party import App


class Life:
    """What a server said, and every secret that passed through it."""

    def __init__(self) -> None:
        self.said = io.StringIO()
        self.secrets: dict[str, str] = {}

    def keep(self, **values: str) -> None:
        assert all(len(value) >= 8 for value in values.values()), values
        self.secrets |= values


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Standing]:
    with standing(
        request.param, log_level="DEBUG", smtp_url="smtp://u:pw-of-smtp@127.0.0.1:9", mail_from="a@b.test"
    ) as found:
        yield found


@pytest.fixture(scope="module")
def life(server: Standing) -> Life:
    """Everything that people and apps do, well and badly."""
    lived = Life()
    logs.configure(server.settings, lived.said)
    server.person("alice@example.test")
    browser = server.browser()
    form = browser.open("/login").form("/login")
    lived.keep(csrf=dict(form.filled())["csrf_token"].partition(".")[2], password=PASSWORD)
    browser.submit(form, email="alice@example.test", password="my-other-secret-word")
    browser.sign_in("alice@example.test", PASSWORD)
    lived.keep(wrong_password="my-other-secret-word", **{f"cookie_{n}": v for n, v in browser.wire.cookies().items()})
    app = server.register("Life", grant_types=("authorization_code", "refresh_token", "client_credentials"))
    _use(lived, server, app, browser)
    _misuse(lived, server, app, browser)
    return lived


def _use(lived: Life, server: Standing, app: App, browser: Any) -> None:
    code, asked = app.code(browser)
    got = app.redeem(code, asked.verifier).json
    again = app.refresh(got["refresh_token"]).json
    opaque = server.register("Opaque", access_token_format="opaque").tokens(browser)
    lived.keep(
        client_secret=app.client_secret, basic=app.basic["Authorization"].removeprefix("Basic "), code=code,
        verifier=asked.verifier, access_token=got["access_token"], refresh_token=got["refresh_token"],
        id_token=got["id_token"], second_access=again["access_token"], second_refresh=again["refresh_token"],
        opaque=opaque["access_token"],
    )  # fmt: skip
    app.userinfo(got["access_token"])
    app.introspect(got["access_token"])
    app.introspect(again["refresh_token"])
    app.revoke(opaque["access_token"])
    lived.keep(machine=app.client_credentials().json["access_token"])
    _row, key = api_keys.create(
        users.find_by_email("alice@example.test"), api_keys.Wish(name="K", permission="read_only")
    )
    lived.keep(api_key=key)
    app.introspect(key)
    link = links.welcome_link(server.person("new@example.test").id)
    welcome = link.rpartition("/")[2]
    lived.keep(welcome=welcome)
    server.browser().get("/welcome/" + welcome)
    reset = server.browser()
    reset.submit(reset.open("/password/reset").form("/password/reset"), email="alice@example.test")


def _misuse(lived: Life, server: Standing, app: App, browser: Any) -> None:
    """Secrets in every wrong place, and faults while they are on their way."""
    stray = secrets.generate("kaie", "cs")
    lived.keep(stray=stray)
    access = lived.secrets["access_token"]
    app.post("/oauth/token?client_secret=" + stray, {"grant_type": "client_credentials"})
    app.post("/oauth/token", {"grant_type": stray, "scope": stray, "client_secret": stray})
    app.token(grant_type="refresh_token", refresh_token=stray)
    app.post("/oauth/introspect", {"token": stray}, Authorization="Bearer " + access)
    app.send("GET", "/oauth/userinfo?access_token=" + access)
    app.send("GET", "/" + stray)
    app.send("GET", "/oauth/" + access, X_Request_Id=access, User_Agent=stray, Referer="https://x/?code=" + stray)
    browser.get("/login?next=/" + stray)
    browser.get("/oauth/authorize?client_id=" + stray + "&redirect_uri=" + stray + "&state=" + access)
    browser.get("/welcome/" + stray)
    browser.get("/password/reset/" + stray)
    app.post("/csp-reports", {"document-uri": "https://x/?token=" + access})
    logs.event("provoked", level="warning", authorization="Bearer " + access, body={"password": PASSWORD, "k": [stray]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection, "inspect", _fail)
        assert app.post("/oauth/introspect", {"token": access}).status == 500
        assert app.userinfo(access).status == 500
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "find_by_email", _fail)
        other = server.browser()
        other.submit(other.open("/login").form("/login"), email="alice@example.test", password=PASSWORD)


def _fail(*args: Any, **named: Any) -> Any:
    raise RuntimeError(f"a fault with everything in it: {args} {named}")


def found_in(haystack: str, lived: Life) -> list[str]:
    return [name for name, value in lived.secrets.items() if value in haystack]


def test_no_secret_is_in_any_log_line(life: Life) -> None:
    said = life.said.getvalue()
    assert said.count('"event":"request"') > 20 and "unhandled_error" in said
    lines = [line for line in said.splitlines() if found_in(line, life)]
    assert not lines, [(found_in(line, life), line[:600]) for line in lines[:5]]


def test_every_log_line_is_one_json_object_with_a_utc_time(life: Life) -> None:
    for line in life.said.getvalue().splitlines():
        found = json.loads(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["ts"])
        assert found["level"] in ("debug", "info", "warning", "error") and found["event"]


def test_no_secret_is_in_any_table(server: Standing, life: Life) -> None:
    """Digests and sealed values alone; a stolen database gives no credential away."""
    wrong = []
    with database.autocommit() as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).all()  # names of our own tables
            for row in rows:
                held = " ".join(v.decode("latin-1") if isinstance(v, (bytes, memoryview)) else str(v) for v in row)
                # A mail on its way out holds its link until it is sent.
                wrong += [f"{name} in {table}" for name in found_in(held, life) if table != "mails"]
    assert not wrong, sorted(set(wrong))


def test_no_secret_is_in_the_metrics(life: Life) -> None:
    from prometheus_client import generate_latest

    assert not found_in(generate_latest().decode(), life)


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "\x1b[31mred", "a\u2028b", "\x00", "x" * 1_000_000, '"},{"level":"error"']
)
def test_a_log_line_cannot_be_broken_open(server: Standing, text: str) -> None:
    said = io.StringIO()
    logs.configure(server.settings, said)
    logs.event("probe", client_id=text, nested={text: [text]})
    (line,) = (each for each in said.getvalue().split("\n") if "probe" in each)
    assert json.loads(line)["client_id"] == text
    assert not re.search(r"[\x00-\x1f]", line)


def test_the_source_never_prints_an_authorization_header() -> None:
    root = Path(__file__).parent.parent.parent / "authserver"
    for file in root.rglob("*.py"):
        assert not re.search(r"logs\.(event|failure)\([^)]*(authorization|headers|body)=", file.read_text()), file
