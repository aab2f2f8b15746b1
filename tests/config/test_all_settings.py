"""Every setting × every wrong kind of value: a line that names it and a remedy, or a value that works."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from authserver import config
from authserver.config import Settings, judging
from authserver.config.settings import FIELDS
from authserver.errors import BadSettings

SETTINGS = sorted(set(FIELDS) - {"demo"})
SECRET = "hunter2-hunter2"  # part of every value below, and of no answer
# What may stand in a text that has no form of its own.
FREE = {
    "brand", "outbound_allow", "secret_key", "secret_key_fallbacks", "kek", "kek_fallbacks", "data_dir", "backup_dir",
    "registration_scopes",
}  # fmt: skip
WRONG = {
    "another type": SECRET,
    "a number below all": f"-1{SECRET}",
    "a fraction": f"1.5{SECRET}",
    "letters beyond ASCII": f"ünïcödé {SECRET} 日本",
    "figures of another script": f"١٢٣{SECRET}",
    "a line break": f"a{SECRET}\nb",
    "a control character": f"a\x07{SECRET}",
    "much too large": SECRET * 1000,
    "a URL of something else": f"ftp://{SECRET}:{SECRET}@example.com:99999/",
    "a percent sign": f"%zz{SECRET}",
    "markup": f"<b>{SECRET}</b>",
}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(environ: dict[str, str], file: Path | None = None) -> tuple[str, ...]:
    """What is said of these settings; nothing if they are fine."""
    try:
        config.load(environ, file)
    except BadSettings as wrong:
        return wrong.problems
    return ()


def test_every_setting_has_a_kind_and_every_default_is_one_of_it() -> None:
    assert set(judging.KINDS) == set(FIELDS)
    for name, field in FIELDS.items():
        text = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        assert judging.KINDS[name](text) == field.default, name


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_value_gets_one_line_that_names_the_setting_and_no_secret(name: str) -> None:
    failures = []
    for kind, value in WRONG.items():
        variable = f"AUTHSERVER_{name.upper()}"
        found = problems({variable: value})
        fine = not found and name in FREE and kind != "much too large"
        text = "\n".join(found)
        told = len(found) == 1 and text.startswith(f"{name} (set in {variable}): ") and "\n" not in text
        remedy = "needed" in text or "longer than" in text
        if not (fine or (told and remedy and (SECRET not in text or name == "outbound_allow"))):
            failures.append((kind, found))
    assert failures == []


@pytest.mark.parametrize("name", SETTINGS)
def test_an_empty_value_is_the_default_or_said_to_be_empty(name: str) -> None:
    default = FIELDS[name].default
    for empty in ("", " ", "\t \n"):
        found = problems({f"AUTHSERVER_{name.upper()}": empty})
        if default in ("", ()):
            assert found == ()
            assert getattr(config.load({f"AUTHSERVER_{name.upper()}": empty}), name) == default
        else:
            assert len(found) == 1
            assert found[0].startswith(f"{name} (set in AUTHSERVER_{name.upper()}): it is empty; leave it out")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_file_that_cannot_be_read_gets_one_line(name: str, folder: Path) -> None:
    (folder / "bytes").write_bytes(b"\xff\xfe\x00")
    (folder / "marked").write_text("\ufeff" + "x" * 40)
    (folder / "empty").write_text(" \n")
    (folder / "closed").write_text("x" * 40)
    (folder / "closed").chmod(0)
    with (folder / "large").open("wb") as large:
        large.truncate(2_000_000)
    variable = f"AUTHSERVER_{name.upper()}_FILE"
    rows = {"nowhere": "no such file", ".": "folder", "bytes": "UTF-8", "marked": "byte order mark",
            "empty": "is empty", "large": "more than"}  # fmt: skip
    if os.geteuid():
        rows["closed"] = "chmod"
    for path, said in rows.items():
        found = problems({variable: str(folder / path)})
        assert len(found) == 1, (path, found)
        assert found[0].startswith(f"{variable}: ")
        assert said in found[0]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_value_of_another_type_in_the_file_gets_one_line(name: str, folder: Path) -> None:
    file = folder / "authserver.toml"
    many, number = FIELDS[name].type == "tuple[str, ...]", FIELDS[name].type == "int"
    wrong = ["true", "1.5", "1979-05-27", "{ a = 1 }", "[[1]]", "[1, 2]", "[{ a = 1 }]"]
    wrong += [] if number else ["7"]
    wrong += [] if many else ['["a", "b"]', "[]"]
    for value in wrong:
        file.write_text(f"{name} = {value}\n")
        found = problems({}, file)
        assert len(found) == 1, (value, found)
        assert found[0].startswith(f"{name} (set in {file}): ")
        assert "needed" in found[0]


def test_everything_that_is_wrong_is_found_at_once(folder: Path) -> None:
    wrong = {f"AUTHSERVER_{name.upper()}": "-" for name in SETTINGS if name not in FREE}
    found = problems({**wrong, "AUTHSERVER_NOTHING_OF_OURS": "1", "AUTHSERVER_KEK_FILE": str(folder / "nowhere")})
    assert {line.split(" ")[0] for line in found} == {
        *(name for name in SETTINGS if name not in FREE),
        "AUTHSERVER_NOTHING_OF_OURS:",
        "AUTHSERVER_KEK_FILE:",
    }
    with pytest.raises(BadSettings, match=rf"\({len(found) - 1} more: authserver config check\)$") as stopped:
        config.load({**wrong, "AUTHSERVER_NOTHING_OF_OURS": "1", "AUTHSERVER_KEK_FILE": str(folder / "nowhere")})
    assert len(str(stopped.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbfbrand = 'Acme'\n", ""),
        (b"brand = Acme\n", "line 1"),
        (b"brand = 'Acme'\nbrand = 'Kaie'\n", "TOML"),
        (b"\xff\xfeb\x00", "UTF-8"),
        (b"[server]\nport = 1\n", "there is no setting 'server'"),
        (b'"\\u0007" = 1\n', "there is no setting"),
    ],
)
def test_the_settings_file_is_read_or_refused_in_one_line(folder: Path, content: bytes, said: str) -> None:
    (folder / "authserver.toml").write_bytes(content)
    found = problems({})
    assert len(found) == bool(said), found
    assert said in "".join(found)
    assert "\x07" not in "".join(found)


GOOD = {
    "issuer": ["http://localhost:8000", "https://auth.example.com/tenant/a", "http://[::1]:8000", "https://[2001:db8::1]"],
    "database_url": ["", "sqlite:///var/x.sqlite3", "postgres://a@127.0.0.1/b", "postgresql+psycopg://a:b%40c@localhost/b",
                     "postgresql:///kaie?host=/run/postgresql", "postgresql://%2Frun%2Fpostgresql/kaie",
                     "postgresql://a@127.0.0.1:1,127.0.0.2:2/b?target_session_attrs=read-write"],
    "redis_url": ["redis://127.0.0.1", "rediss://:p%40w@redis.example.com:6380/1", "valkey://[::1]:1/0"],
    "smtp_url": ["", "smtp://mail.example.com", "smtps://a%40b:c@mail.example.com:465/"],
    "mail_from": ["a@example.com", "Kaie <a@example.com>"],
    "host": ["localhost", "0.0.0.0", "::", "[::1]"],
    "metrics_bind": ["off", "OFF", "localhost:9", "[::1]:9464", "0.0.0.0:0"],
    "trusted_proxies": ["10.0.0.0/8, fd00::/8", "192.0.2.7"],
    "outbound_allow": ["10.0.0.0/8,hooks.internal:8443", "localhost"],
    "access_token_ttl": ["15m", "90", "1 h"],
    "require_pkce": ["AUTO", "all"],
    "kek": ["x" * 40, "x" * 40 + "\n" + "y" * 40],
    "accent": ["#0d5f52", ""],
    "data_dir": [".", "a/b/c", "/tmp"],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_is_fine_is_taken(name: str) -> None:
    for value in GOOD[name]:
        extra = {"AUTHSERVER_MAIL_FROM": "a@b"} if name == "smtp_url" else {}
        assert problems({f"AUTHSERVER_{name.upper()}": value, **extra}) == (), value


WRONG_IN_FORM: list[tuple[str, str, str]] = [
    ("issuer", "https://auth.example.com/a b", "space"),
    ("issuer", "https://münchen.example", "xn--"),
    ("issuer", "https://auth.example.com:0", "port"),
    ("issuer", "https://auth.example.com:", "port"),
    ("issuer", "https://auth.example.com:70000", "port"),
    ("issuer", "https://auth.example.com/", "trailing slash"),
    ("issuer", "https://auth.example.com?", "query"),
    ("issuer", "https://auth.example.com#", "fragment"),
    ("issuer", "https://a:b@auth.example.com", "before the host"),
    ("issuer", "https://auth.example.com/a/../b", "parts"),
    ("issuer", "https://auth.example.com//b", "parts"),
    ("issuer", "https://[::1", "brackets"),
    ("issuer", "https://", "URL"),
    ("issuer", "http://auth.example.com", "https"),
    ("database_url", "mysql://a@b/c", "postgresql"),
    ("database_url", "sqlite://", "file"),
    ("database_url", "sqlite:///", "file"),
    ("database_url", "sqlite:///:memory:", "file"),
    ("database_url", "sqlite:///x?mode=ro", "file"),
    ("database_url", "sqlite:///.", "folder"),
    ("database_url", "sqlite:///file/below", "folder"),
    ("database_url", "postgresql://a:b@c@127.0.0.1/d", "%40"),
    ("database_url", "postgresql://a:b c@127.0.0.1/d", "%20"),
    ("database_url", "postgresql://a:100%@127.0.0.1/d", "%25"),
    ("database_url", "postgresql://127.0.0.1:99999/d", "port"),
    ("database_url", "postgresql://a:b/c@127.0.0.1/d", "%2F"),
    ("database_url", "postgresql://127.0.0.1/d?sslmod=verify-full", "sslmode"),
    ("redis_url", "http://127.0.0.1", "rediss"),
    ("redis_url", "unix:///run/redis", "rediss"),
    ("redis_url", "redis://", "rediss"),
    ("redis_url", "redis://127.0.0.1/zero", "number"),
    ("redis_url", "redis://127.0.0.1:port", "port"),
    ("smtp_url", "smtp://mail.example.com:smtp", "port"),
    ("smtp_url", "smtp://mail.example.com:0", "port"),
    ("smtp_url", "smtp://mail.example.com/inbox", "after the port"),
    ("smtp_url", "mail.example.com", "smtp"),
    ("mail_from", "nobody", "@"),
    ("mail_from", "a@b, c@d", "one address"),
    ("host", "auth.example.com", "0.0.0.0"),
    ("host", "127.0.0.1:8000", "0.0.0.0"),
    ("metrics_bind", "9464", "127.0.0.1:9464"),
    ("metrics_bind", "127.0.0.1:", "127.0.0.1:9464"),
    ("metrics_bind", "127.0.0.1:70000", "127.0.0.1:9464"),
    ("metrics_bind", "metrics:9464", "127.0.0.1"),
    ("trusted_proxies", "10.0.0.1/8", "10.0.0.0/8"),
    ("trusted_proxies", "10.0.0.0/8,proxy", "entry 2"),
    ("workers", "2m", "whole number"),
    ("port", "65536", "65535"),
    ("access_token_ttl", "1w", "15m"),
    ("access_token_ttl", "2d", "86400"),
    ("authorization_code_ttl", "601", "600"),
    ("refresh_grace", "301", "300"),
    ("kek", "short", "openssl"),
    ("secret_key_fallbacks", "x" * 40 + ",short", "in each"),
    ("outbound_ca", "nowhere.pem", "PEM"),
    ("outbound_ca", "file", "PEM"),
    ("data_dir", "file", "folder"),
    ("rate_limit_oauth", "0/hour", "1000/hour"),
    ("rate_limit_oauth", "10/week", "1000/hour"),
    ("accent", "teal", "#"),
]


def test_what_cannot_work_is_refused_with_the_form_that_can(folder: Path) -> None:
    (folder / "file").write_text("no certificate")
    failures = []
    for name, value, said in WRONG_IN_FORM:
        found = problems({f"AUTHSERVER_{name.upper()}": value})
        if len(found) != 1 or said not in found[0] or not found[0].startswith(name):
            failures.append((name, value, found))
    assert failures == []


TOGETHER: list[tuple[dict[str, str], str]] = [
    ({"signup": "on"}, "signup: needs smtp_url"),
    ({"smtp_url": "smtp://mail.example.com"}, "mail_from: needed"),
    ({"session_idle_ttl": "13h"}, "session_idle_ttl: longer than session_max_ttl"),
    ({"trusted_proxies": "0.0.0.0/1,128.0.0.0/1"}, "trusted_proxies: these are all addresses"),
    ({"trusted_proxies": "::/0"}, "trusted_proxies: these are all addresses"),
    ({"refresh_token_max_ttl": "1d"}, "refresh_token_idle_ttl: longer than refresh_token_max_ttl"),
    ({"host": "localhost", "port": "9464"}, "metrics_bind: the same address"),
    ({"migrate_database_url": "postgresql://127.0.0.1/kaie"}, "migrate_database_url: SQLite has no roles"),
]


def test_what_does_not_go_together_is_said() -> None:
    for chosen, said in TOGETHER:
        found = problems({f"AUTHSERVER_{name.upper()}": value for name, value in chosen.items()})
        assert len(found) == 1, (chosen, found)
        assert found[0].startswith(said)


def test_a_rule_is_silent_while_one_of_its_settings_is_wrong_by_itself() -> None:
    found = problems({"AUTHSERVER_SIGNUP": "on", "AUTHSERVER_SMTP_URL": "mail.example.com"})
    assert [line.split(" ")[0] for line in found] == ["smtp_url"]


def test_values_that_a_person_spells_in_another_way_come_out_as_one() -> None:
    settings = config.load({"AUTHSERVER_HOST": "localhost", "AUTHSERVER_METRICS_BIND": "LOCALHOST:9"})
    assert dataclasses.asdict(settings)["host"] == "127.0.0.1"
    assert settings.metrics_bind == "127.0.0.1:9"
    assert Settings().sqlite
