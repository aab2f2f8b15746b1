"""The command itself: fast, one line for every error, results on stdout (contract.md section 3)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from authserver import cli
from authserver.cli import output
from authserver.errors import BadSettings, Conflict, Denied, Invalid, NotFound, Unavailable

HEAVY = ("flask", "sqlalchemy", "alembic", "granian", "authlib", "cryptography", "structlog", "jinja2")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_every_verb_has_a_sentence_and_every_file_a_verb() -> None:
    folder = Path(cli.__file__).parent
    machinery = {
        "__init__", "client_options", "client_registration", "options", "output", "opening", "serving", "copies",
        "embedded_postgres", "machine", "addresses", "notices", "processes", "restoring", "copying",
        "scheduled_backups", "signals", "tables", "terminal", "progress", "declared",
        "client_files",
    }  # fmt: skip
    files = {file.stem for file in folder.glob("*.py")} - machinery
    assert {name.replace("_", "-") for name in files} <= set(cli.VERBS)
    context = click.Context(cli.cli)
    assert [verb for verb in cli.cli.list_commands(context) if cli.cli.get_command(context, verb) is None] == []


def test_help_and_version_import_nothing_heavy() -> None:
    script = f"""
import sys, authserver.cli
authserver.cli.main(["--help"]); authserver.cli.main(["version"])
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_command_starts_fast() -> None:
    def once() -> float:
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "import authserver.cli as c; c.main(['version'])"], check=True, timeout=30
        )
        return time.perf_counter() - started

    assert min(once() for _ in range(3)) < 0.8  # measured 0.1 s


@pytest.mark.parametrize("words", [("--json", "version"), ("version", "--json")])
def test_json_may_stand_before_or_after_the_verb(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, out, err = run(capsys, *words)
    assert code == 0
    assert set(json.loads(out)) == {"version", "python"}
    assert err == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("There is no such client."), 3),
        (Invalid("Wrong.", problems={"email": "An email has an @."}), 1),
        (Conflict("Taken."), 1),
        (Denied("You may not."), 1),
        (Unavailable("Not now."), 4),
        (BadSettings("issuer: no."), 1),
        (output.NotReady("Run migrate."), 4),
        (FileNotFoundError(2, "No such file or directory", "x.json"), 1),
        (ValueError("two\nlines, password=hunter2"), 1),
    ],
)
def test_each_error_is_one_line_on_stderr_and_its_own_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(_ctx: object) -> None:
        raise error

    monkeypatch.setattr(cli.cli, "invoke", fail)
    assert cli.main(["version"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert "Traceback" not in printed.err
    assert "hunter2" not in printed.err


def test_a_problem_names_its_field() -> None:
    assert cli.explain(Invalid("Wrong.", problems={"email": "An email has an @."}))[1] == "email: An email has an @."


def test_a_wrong_word_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "nonsense")[0] == 2
    assert run(capsys, "serve", "--prot", "1")[0] == 2


def test_help_of_a_verb_needs_no_installation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTHSERVER_ISSUER", "nonsense")
    for verb in cli.VERBS:
        assert run(capsys, verb, "--help")[0] == 0, verb
    assert run(capsys, "client", "list")[0] == 1


def test_a_command_on_an_empty_database_names_migrate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTHSERVER_SECRET_KEY", "k" * 40)
    code, out, err = run(capsys, "user", "list")
    assert (code, out) == (4, "")
    assert "authserver migrate" in err


STEERING = "\x1b[2J\x9b31m\u202e"


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_nothing_that_others_wrote_steers_the_terminal(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    output.choose_json(as_json)
    try:
        output.emit({"name": STEERING, "list": [STEERING]})
        output.emit([{"name": STEERING}])
        output.line({"name": STEERING}, f"#1  {STEERING}")
        output.note(STEERING)
    finally:
        output.choose_json(False)
    printed = capsys.readouterr()
    assert not set(STEERING) & set("\x1b\x9b\u202e") & set(printed.out + printed.err)
    if as_json:
        assert json.loads(printed.out.strip().splitlines()[-1]) == {"name": STEERING}
