"""Plain text to a database or Redis on another host: refused for an https issuer (contract 11.48)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import make_url

from authserver import config, engines
from authserver.config import Settings
from authserver.errors import BadSettings
from tests.support import databases

HTTPS = {"AUTHSERVER_ISSUER": "https://auth.example.com"}
PROTECTED = [
    ("database_url", "sqlite:///kaie.sqlite3"),
    ("database_url", "postgresql://kaie@127.0.0.1/kaie"),
    ("database_url", "postgresql://kaie@127.0.0.9/kaie"),
    ("database_url", "postgresql://kaie@[::1]:5433/kaie"),
    ("database_url", "postgresql://kaie@localhost/kaie"),
    ("database_url", "postgresql:///kaie"),
    ("database_url", "postgresql:///kaie?host=/run/postgresql"),
    ("database_url", "postgresql://%2Frun%2Fpostgresql/kaie"),
    ("database_url", "postgresql:///kaie?host=@abstract"),
    ("database_url", "postgresql://db.example.com/kaie?sslmode=verify-full"),
    ("database_url", "postgresql://a.example.com,b.example.com/kaie?sslmode=verify-full&sslrootcert=/etc/ca.pem"),
    ("database_url", "postgresql://db.example.com/kaie?sslrootcert=system"),
    ("database_url", "postgresql://db.example.com/kaie?hostaddr=127.0.0.1"),
    ("redis_url", "redis://127.0.0.1:6379"),
    ("redis_url", "rediss://redis.example.com"),
    ("redis_url", "valkeys://redis.example.com/1?ssl_cert_reqs=required"),
]
OPEN = [
    ("database_url", "postgresql://kaie@db.example.com/kaie"),
    ("database_url", "postgresql+psycopg://kaie@10.0.0.7/kaie"),
    ("database_url", "postgres://db.example.com/kaie?sslmode=require"),
    ("database_url", "postgres://db.example.com/kaie?sslmode=verify-ca"),
    ("database_url", "postgres://db.example.com/kaie?sslmode=disable&sslrootcert=system"),
    ("database_url", "postgresql://127.0.0.1,db.example.com/kaie"),
    ("database_url", "postgresql://localhost/kaie?hostaddr=10.0.0.7"),
    ("database_url", "postgresql:///kaie?host=db.example.com"),
    ("database_url", "postgresql:///kaie?service=kaie"),
    ("database_url", "postgresql://localhost.example.com/kaie"),
    ("redis_url", "redis://redis.example.com"),
    ("redis_url", "valkey://10.0.0.7"),
    ("redis_url", "rediss://redis.example.com?ssl_cert_reqs=none"),
    ("redis_url", "rediss://redis.example.com?ssl_cert_reqs=optional"),
    ("redis_url", "rediss://redis.example.com?ssl_check_hostname=false"),
]


@pytest.fixture(autouse=True)
def _nothing_of_libpqs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGSSLMODE", "PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)


def test_this_machine_and_verified_tls_are_taken() -> None:
    for name, url in PROTECTED:
        assert getattr(config.load({**HTTPS, f"AUTHSERVER_{name.upper()}": url}), name) == url


def test_anything_else_is_refused_in_one_line_with_the_remedy() -> None:
    for name, url in OPEN:
        with pytest.raises(BadSettings) as refused:
            config.load({**HTTPS, f"AUTHSERVER_{name.upper()}": url})
        (line,) = refused.value.problems
        assert line.startswith(f"{name}: "), url
        assert ("verify-full" if name == "database_url" else "rediss://") in line
        assert "AUTHSERVER_PLAINTEXT_BACKENDS=yes" in line
        assert "example.com" not in line


def test_the_owner_of_the_schema_is_held_to_the_same() -> None:
    plain, local = "postgresql://owner@db.example.com/kaie", "postgresql://kaie@127.0.0.1/kaie"
    with pytest.raises(BadSettings, match=r"^migrate_database_url: on another host"):
        config.load({**HTTPS, "AUTHSERVER_DATABASE_URL": local, "AUTHSERVER_MIGRATE_DATABASE_URL": plain})


@pytest.mark.parametrize(
    "environ", [{**HTTPS, "AUTHSERVER_PLAINTEXT_BACKENDS": "yes"}, {"AUTHSERVER_ISSUER": "http://localhost:8000"}]
)
def test_who_says_so_and_a_loopback_issuer_may_go_without(environ: dict[str, str]) -> None:
    for name, url in OPEN:
        config.load({**environ, f"AUTHSERVER_{name.upper()}": url})


def test_what_libpq_reads_from_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    somewhere = {**HTTPS, "AUTHSERVER_DATABASE_URL": "postgresql://db.example.com/kaie"}
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    config.load(somewhere)
    monkeypatch.setenv("PGSSLMODE", "prefer")
    with pytest.raises(BadSettings):
        config.load(somewhere)
    monkeypatch.setenv("PGHOST", "db.example.com")
    with pytest.raises(BadSettings):
        config.load({**HTTPS, "AUTHSERVER_DATABASE_URL": "postgresql:///kaie"})


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ("postgres://kaie:p%40w@db/kaie", "db", None),
        ("postgresql://kaie:p%40w@a:1,b:2/kaie?target_session_attrs=read-write", "a,b", "1,2"),
        ("postgresql://kaie:p%40w@%2Frun%2Fpostgresql/kaie", "/run/postgresql", None),
    ],
)
def test_libpqs_spellings_of_hosts_arrive_at_the_driver(given: str, host: str, port: str | None) -> None:
    url = make_url(Settings(database_url=given).sqlalchemy_url)
    assert (url.username, url.password, url.database) == ("kaie", "p@w", "kaie")
    assert (url.host or url.query["host"], url.query.get("port")) == (host, port)
    (_, arguments) = url.get_dialect()().create_connect_args(url)
    assert arguments["host"] == host
    assert str(arguments.get("port", "")) == (port or "")


def test_what_the_url_says_reaches_postgresql(tmp_path: Path) -> None:
    with databases.fresh("postgresql", tmp_path) as url:
        given = make_url(url)
        hosts = f"127.0.0.1,{given.query.get('host', given.host)}"
        ports = f"1,{given.query.get('port', given.port or 5432)}"
        where = {"host": hosts, "port": ports, "target_session_attrs": "read-write", "options": "-c search_path=told"}
        account = f"{given.username}:{quote(given.password or '')}@" if given.username else ""
        text = f"postgresql://{account}/{given.database}?{urlencode(where, quote_via=quote)}"
        engine = engines.build(config.load({"AUTHSERVER_DATABASE_URL": text}))
        try:
            with engine.connect() as connection:
                assert connection.exec_driver_sql("SHOW search_path").scalar() == "told"
                assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "5s"
        finally:
            engine.dispose()
