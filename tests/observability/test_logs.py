"""One JSON object a line, without a secret (ux.md 4.5, security.md 16.2.5)."""

from __future__ import annotations

import io
import json
import logging
import timeit
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from authserver import database
from authserver.config import Settings
from authserver.lib import secrets
from authserver.observability import context, logs, tracing


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure(Settings(log_format="json"), stream)
    yield stream
    logs.configure(Settings(log_level="ERROR", log_format="json"))


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_starts_with_time_level_and_event_and_says_who_asked(out: io.StringIO) -> None:
    with context.using(context.Context(request_id="req1", ip="192.0.2.7")):
        logs.event("request", status=200, msg="fine", route="/oauth/token", extra="more")
    (line,) = lines(out)
    assert list(line) == ["ts", "level", "event", "request_id", "route", "status", "ip", "msg", "extra"]
    assert line["ts"].endswith("Z")
    assert (line["request_id"], line["ip"]) == ("req1", "192.0.2.7")


def test_an_event_is_one_line_whatever_its_text_holds(out: io.StringIO) -> None:
    logs.event("request", msg='two\nlines\r\n"level":"error"\x00', route="\ud800")
    assert len(out.getvalue().splitlines()) == 1
    assert lines(out)[0]["level"] == "info"


CREDENTIALS = [
    *(secrets.generate("kaie", kind) for kind in secrets.KINDS),
    secrets.generate("other", "ak"),
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLWJ5dGVz",
]


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("place", ["msg", "path", "nested", "name", "third party", "exception"])
def test_no_credential_reaches_a_line(out: io.StringIO, credential: str, place: str) -> None:
    if place == "third party":
        logging.getLogger("sqlalchemy").warning("failed with %s", credential)
    elif place == "exception":
        logs.failure("broken", ValueError(f"bad {credential}"))
    elif place == "nested":
        logs.event("request", data={"list": [credential]})
    elif place == "name":
        logs.event(credential)
    else:
        logs.event("request", **{place: f"/callback?code={credential}&state=1"})
    assert credential not in out.getvalue()
    assert "[redacted]" in out.getvalue()
    assert len(lines(out)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2&x=1",
        '{"password": "hunter2"}',
        "Authorization: Basic hunter2hunter2==",
        "authorization: bearer hunter2",
        "postgresql://kaie:hunter2@db/kaie",
        "/welcome/hunter2hunter2-abc",
        "/password/reset/hunter2hunter2_x",
        "client_secret=hunter2",
    ],
)
def test_no_form_of_a_secret_reaches_a_line(out: io.StringIO, text: str) -> None:
    logs.event("request", msg=text)
    assert "hunter2" not in out.getvalue()
    assert len(lines(out)) == 1


def test_a_quick_look_finds_whatever_the_thorough_one_would() -> None:
    for text in (*CREDENTIALS, "PASSWORD=x1", "DPoP abc", "Bearer abc", "CODE_VERIFIER=abc", "a://b:c@d"):
        thorough = secrets.REDACT.sub("", text)
        assert (secrets.redact(text) != text) == (thorough != text), text


def test_other_loggers_come_out_in_our_form(out: io.StringIO) -> None:
    logging.getLogger("some.library").warning("slow %s", "disk")
    logging.getLogger("some.library").info("chatter")
    (line,) = lines(out)
    assert (line["event"], line["logger"], line["level"], line["msg"]) == (
        "log",
        "some.library",
        "warning",
        "slow disk",
    )


def test_a_traceback_stays_in_its_line(out: io.StringIO) -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        logs.failure("broken", error)
    (line,) = lines(out)
    assert line["error"] == "ValueError"
    assert "test_logs.py" in line["traceback"]


def test_a_lost_stream_loses_a_line_and_no_request() -> None:
    closed = io.StringIO()
    logs.configure(Settings(log_format="json"), closed)
    closed.close()
    logs.event("request")
    logs.configure(Settings(log_level="ERROR", log_format="json"))


def test_half_a_character_loses_no_line() -> None:
    written = io.BytesIO()
    logs.configure(Settings(log_format="json"), io.TextIOWrapper(written, encoding="utf-8", write_through=True))
    logs.event("request", user_agent="\ud800")
    assert b'"event":"request"' in written.getvalue()
    logs.configure(Settings(log_level="ERROR", log_format="json"))


def test_below_the_chosen_level_nothing_is_written(out: io.StringIO) -> None:
    logs.configure(Settings(log_format="json", log_level="WARNING"), out)
    logs.event("request")
    logs.event("refused", level="warning")
    assert [line["event"] for line in lines(out)] == ["refused"]


def test_a_line_is_cheap_enough_for_every_token_request(out: io.StringIO) -> None:
    def one() -> None:
        logs.event("request", route="/oauth/token", method="POST", status=200, ms=1.2, client_id="nightly-job")

    # Measured 10 µs; the bound leaves room for a busy machine.
    assert min(timeit.repeat(one, number=500, repeat=5)) / 500 < 100e-6


def test_for_people_there_are_columns_and_no_secret() -> None:
    stream = io.StringIO()
    logs.configure(Settings(log_format="console"), stream)
    logs.event("request", msg=CREDENTIALS[0])
    logs.configure(Settings(log_level="ERROR", log_format="json"))
    assert "request" in stream.getvalue()
    assert CREDENTIALS[0] not in stream.getvalue()


def test_nothing_that_a_stranger_sends_steers_the_terminal() -> None:
    stream = io.StringIO()
    logs.configure(Settings(log_format="console"), stream)
    logs.event("request", route="/\x1b[2J", inbound_request_id="\x9b31m", msg="\u202e", error="\x07")
    logs.configure(Settings(log_level="ERROR", log_format="json"))
    line = stream.getvalue()
    assert "\\x1b[2J" in line and not any(sign in line for sign in ("\x1b[2J", "\x9b", "\u202e", "\x07"))


def test_the_error_of_a_statement_says_nothing_of_its_parameters(app: Flask, out: io.StringIO) -> None:
    hash = f"$argon2id${secrets.random_token()}"
    with pytest.raises(DBAPIError) as failed, database.autocommit() as connection:
        connection.execute(sql("INSERT INTO nowhere VALUES (:hash)"), {"hash": hash})
    logs.failure("database_error", failed.value)
    assert "INSERT INTO nowhere" in out.getvalue() and hash not in out.getvalue()


def test_a_line_names_the_callers_trace(out: io.StringIO) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    asked = context.Context(request_id="req1")
    tracing.begin(asked, f"00-{trace}-00f067aa0ba902b7-00")
    with context.using(asked):
        logs.event("request")
    assert lines(out)[0]["trace_id"] == trace
