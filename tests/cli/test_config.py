"""`authserver config`, `init` and `doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from authserver import cli, config
from authserver.domain.signing import keys as signing_keys
from authserver.errors import BadSettings

SECRET = "a secret that nobody may see, ever 12345"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTHSERVER_SECRET_KEY", SECRET)
    for name in ("DATABASE_URL", "REDIS_URL", "PORT", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert cli.main(words) == code
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err
    return printed.out


def test_show_says_what_is_set_where_and_masks_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    (folder / "authserver.toml").write_text('brand = "Acme"\n')
    monkeypatch.setenv("AUTHSERVER_ISSUER", "https://auth.example.com")
    monkeypatch.setenv("AUTHSERVER_DATABASE_URL", f"postgresql://kaie:{quote(SECRET)}@db/kaie?sslmode=verify-full")
    rows = {row["name"]: row for row in json.loads(told(capsys, "config", "show", "--json"))}
    assert (rows["brand"]["value"], rows["brand"]["set in"]) == ("Acme", "authserver.toml")
    assert rows["issuer"]["set in"] == "AUTHSERVER_ISSUER"
    assert rows["port"]["set in"] == "default"
    assert rows["secret_key"]["value"] == rows["database_url"]["value"] == "•••"


def test_check_is_quiet_about_good_settings_and_precise_about_bad_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(capsys, "config", "check")
    monkeypatch.setenv("AUTHSERVER_REFRESH_GRACE", "-1")
    monkeypatch.setenv("AUTHSERVER_ISUER", "https://auth.example.com")
    monkeypatch.setenv("AUTHSERVER_SESSION_IDLE_TTL", "13h")
    lines = told(capsys, "config", "check", code=2).splitlines()
    assert len(lines) == 3
    for said in ("refresh_grace (set in AUTHSERVER_REFRESH_GRACE)", "did you mean issuer?", "session_idle_ttl: longer"):
        assert [line for line in lines if said in line]
    assert json.loads(told(capsys, "config", "check", "--json", code=2))["problems"] == lines


def test_check_finds_a_key_that_does_not_open_what_is_stored(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["migrate"]) == 0
    capsys.readouterr()
    told(capsys, "config", "check")
    signing_keys._parsed.clear()  # as in a process of its own
    monkeypatch.setenv("AUTHSERVER_SECRET_KEY", "quite another key than before, " * 2)
    assert "kek or secret_key is another one" in told(capsys, "config", "check", code=2)
    assert cli.main(["serve", "--port", "0"]) == 1
    assert "kek or secret_key is another one" in capsys.readouterr().err
    assert cli.main(["worker"]) == 1
    assert "kek or secret_key is another one" in capsys.readouterr().err


def test_check_names_the_secret_that_serving_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTHSERVER_SECRET_KEY")
    assert "openssl rand" in told(capsys, "config", "check", code=2)


def test_doctor_lists_every_wrong_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSERVER_WORKERS", "many")
    monkeypatch.setenv("AUTHSERVER_PORT", "far")
    found = json.loads(told(capsys, "doctor", "--json", code=1))
    assert [(each["state"], each["text"].split(" ")[0]) for each in found] == [("bad", "port"), ("bad", "workers")]


def test_doctor_says_which_backend_is_not_protected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AUTHSERVER_ISSUER", "https://auth.example.test"),
        ("AUTHSERVER_REDIS_URL", "redis://redis.example.test"),
        ("AUTHSERVER_PLAINTEXT_BACKENDS", "yes"),
    ):
        monkeypatch.setenv(name, value)
    found = {each["check"]: each for each in json.loads(told(capsys, "doctor", "--json", code=1))}
    assert found["TLS to redis_url"]["state"] == "warn"
    assert "rediss://" in found["TLS to redis_url"]["remedy"]
    monkeypatch.delenv("AUTHSERVER_REDIS_URL")
    found = {each["check"]: each for each in json.loads(told(capsys, "doctor", "--json", code=1))}
    assert found["TLS to backends"]["state"] == "ok"


def test_docs_explain_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(told(capsys, "config", "docs", "--json"))
    assert {row["name"] for row in rows} == set(config.shown(config.Settings())) - {"demo"}
    assert [row["name"] for row in rows if not row["text"]] == []


def test_init_writes_a_file_that_loads_and_that_others_cannot_read(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    told(capsys, "init", "--yes", "--issuer", "https://auth.example.com", "--smtp-url", "smtp://mail.example.com:587")
    file = folder / "authserver.toml"
    assert file.stat().st_mode & 0o077 == 0
    settings = config.load({}, file)
    assert settings.issuer == "https://auth.example.com"
    assert settings.mail_from == "no-reply@auth.example.com"
    assert len(settings.secret_key) >= 64


def test_init_overwrites_nothing_and_leaves_nothing_broken(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    told(capsys, "init", "--yes", "--issuer", "http://auth.example.com", code=1)
    assert not (folder / "authserver.toml").exists()
    (folder / "authserver.toml").write_text("")
    told(capsys, "init", "--yes", code=1)
    assert (folder / "authserver.toml").read_text() == ""


def test_doctor_names_the_line_that_mends_each_thing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTHSERVER_SECRET_KEY")
    monkeypatch.setenv("AUTHSERVER_ISSUER", "http://localhost:9")
    found = {each["check"]: each for each in json.loads(told(capsys, "doctor", "--json", code=1))}
    assert found["secret key"]["state"] == "bad"
    assert "openssl rand" in found["secret key"]["remedy"]
    assert (found["migrations"]["state"], found["migrations"]["remedy"]) == ("bad", "authserver migrate")
    assert found["issuer"]["state"] == "warn"
    assert found["disk"]["state"] == "ok"


@pytest.mark.parametrize(
    ("variables", "check", "state", "remedy"),
    [
        ({}, "security contact", "warn", "AUTHSERVER_SECURITY_CONTACT"),
        ({"SECURITY_CONTACT": "mailto:security@example.com"}, "security contact", "ok", ""),
        ({"ISSUER": "http://localhost:9"}, "security contact", "ok", ""),
        ({"KEK": "k" * 40, "SECRET_KEY": "k" * 40}, "sealing key", "warn", "AUTHSERVER_KEK"),
        ({"KEK": "k" * 40}, "sealing key", "ok", ""),
        ({}, "sealing key", "ok", ""),
    ],
)
def test_doctor_tells_what_an_installation_on_the_internet_lacks(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    check: str,
    state: str,
    remedy: str,
) -> None:
    for name, value in {"ISSUER": "https://auth.invalid", **variables}.items():
        monkeypatch.setenv(f"AUTHSERVER_{name}", value)
    cli.main(["doctor", "--json"])
    found = {each["check"]: each for each in json.loads(capsys.readouterr().out)}
    assert found[check]["state"] == state and remedy in found[check]["remedy"]


def test_doctor_is_content_once_migrated(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSERVER_ISSUER", "http://localhost:9")
    assert cli.main(["migrate"]) == 0
    capsys.readouterr()
    found = json.loads(told(capsys, "doctor", "--json"))
    assert [each for each in found if each["state"] == "bad"] == []
    assert {"signing key ES256", "signing key RS256"} <= {each["check"] for each in found}


def test_going_down_to_an_unknown_revision_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate", "--down", "nonsense"]) == 3
    assert capsys.readouterr().err == "There is no such revision.\n"


def test_a_secret_set_in_two_ways_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("y" * 40)
    environ = {"AUTHSERVER_SECRET_KEY": "x" * 40, "AUTHSERVER_SECRET_KEY_FILE": str(file)}
    with pytest.raises(BadSettings, match="set one of the two"):
        config.load(environ)


@pytest.mark.parametrize("name", ["AUTHSERVER_KEK_FILE", "AUTHSERVER_CONFIG"])
@pytest.mark.parametrize(("mode", "state"), [(0o600, "ok"), (0o640, "ok"), (0o644, "warn"), (0o444, "warn")])
def test_doctor_warns_of_secrets_that_every_account_may_read(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    name: str,
    mode: int,
    state: str,
) -> None:
    file = folder / "the secret"
    file.write_text(SECRET if name.endswith("_FILE") else f'kek = "{SECRET}"')
    file.chmod(mode)
    monkeypatch.setenv(name, str(file))
    monkeypatch.setenv("AUTHSERVER_ISSUER", "http://localhost:9")
    assert cli.main(["migrate"]) == 0
    capsys.readouterr()

    found = {each["check"]: each for each in json.loads(told(capsys, "doctor", "--json"))}["secret files"]

    assert found["state"] == state
    if state == "warn":
        assert "kek" in found["text"] and found["remedy"] == f"chmod o-r '{file}'"


@pytest.mark.parametrize(("name", "text"), [("AUTHSERVER_BRAND_FILE", "Acme"), ("AUTHSERVER_CONFIG", 'brand = "Acme"')])
def test_a_file_without_a_secret_may_be_read_by_everybody(folder: Path, name: str, text: str) -> None:
    file = folder / "plain"
    file.write_text(text)
    file.chmod(0o644)

    assert config.exposed_secrets({name: str(file)}) == {}


def test_the_start_says_once_which_secret_every_account_may_read(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], folder: Path
) -> None:
    file = folder / "kek"
    file.write_text(SECRET)
    file.chmod(0o444)
    monkeypatch.setenv("AUTHSERVER_KEK_FILE", str(file))
    monkeypatch.setenv("AUTHSERVER_METRICS_BIND", "off")
    monkeypatch.setenv("AUTHSERVER_LOG_FORMAT", "json")
    monkeypatch.setenv("AUTHSERVER_PORT", "tcp://10.96.0.12:8000")
    monkeypatch.setattr("authserver.cli.serving.run", lambda _settings: None)

    assert cli.main(["serve", "--port", "0"]) == 0

    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert [line["variables"] for line in lines if line["event"] == "variables_ignored"] == [["AUTHSERVER_PORT"]]
    told = [line for line in lines if line["event"] == "secret_exposed"]
    assert [(line["level"], line["setting"]) for line in told] == [("warning", "kek")]
    assert str(file) in told[0]["msg"] and SECRET not in str(told)
