"""What a command imports: its help no domain, a verb no framework, so that a shell need not wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from authserver import cli
from authserver.cli import client, options
from authserver.domain.access import resource_wishes
from authserver.domain.clients import metadata, secrets

# Whole packages, and what they cost: nobody waits for them who does not need them.
NEVER_FOR_HELP = (
    "sqlalchemy", "flask", "werkzeug", "jinja2", "alembic", "granian", "authlib", "joserfc", "cryptography",
    "structlog", "prometheus_client", "psycopg", "redis", "limits", "urllib3", "zxcvbn", "argon2", "uvloop", "asyncio",
    "authserver.domain", "authserver.database", "authserver.models", "authserver.edge",
)  # fmt: skip
NEVER_FOR_A_VERB = (
    "flask", "werkzeug", "jinja2", "wtforms", "alembic", "granian", "authlib", "joserfc", "cryptography.x509",
    "structlog", "prometheus_client", "psycopg", "redis", "urllib3", "zxcvbn", "uvloop",
    "sqlalchemy.dialects.postgresql", "authserver.oauth", "authserver.pages", "authserver.dashboard",
    "authserver.api", "authserver.gateway", "authserver.extensions",
)  # fmt: skip
# Verbs that only read, and need nothing but the database.
PLAIN = ("client list", "user list", "key list", "webhook list", "audit verify", "jwks list")
MODULES = 600  # 500 today, of which SQLAlchemy has 135 and what it takes of the standard library 200

REPORT = """
import json, os, sys
from authserver.cli import main
code = main(sys.argv[1:])
with open(os.environ["REPORT"], "w") as file:
    json.dump([code, sorted(sys.modules)], file)
"""


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, groups too."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from walk(found, (*path, name))


COMMANDS = [" ".join(path) for path in walk(cli.cli)]


def imported(folder: Path, *words: str, **environment: str) -> set[str]:
    """The modules that a command leaves behind in a process of its own; it has to succeed."""
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *words],
        env={**os.environ, **environment, "REPORT": str(report)},
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert report.exists(), done.stderr
    code, modules = json.loads(report.read_text())
    assert code == 0, done.stderr
    return set(modules)


def among(modules: set[str], packages: tuple[str, ...]) -> list[str]:
    return [name for name in packages if name in modules or any(each.startswith(f"{name}.") for each in modules)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installation")
    (folder / "authserver.toml").write_text(f'secret_key = "{"s" * 48}"\nissuer = "http://localhost:8000"\n')
    imported(folder, "migrate")
    return folder


def test_the_commands_are_those_of_every_file() -> None:
    assert {command.split(" ")[0] for command in COMMANDS} == {"", *cli.VERBS}
    assert len(COMMANDS) > 2 * len(cli.VERBS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert cli.main([*command.split(), "--help"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"Usage: authserver {command}".rstrip())
    assert printed.err == ""


def test_help_imports_no_domain_whatever_it_is_about(tmp_path: Path) -> None:
    script = f"""
import sys
from authserver.cli import main
for words in {[command.split() for command in COMMANDS]!r}:
    assert main([*words, "--help"]) == 0, words
    met = [name for name in {NEVER_FOR_HELP!r} if name in sys.modules]
    assert not met, (words, met)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", PLAIN)
def test_a_verb_that_reads_the_database_imports_no_framework(installation: Path, command: str) -> None:
    assert among(imported(installation, *command.split()), NEVER_FOR_A_VERB) == []


def test_a_plain_verb_imports_few_modules(installation: Path) -> None:
    assert len(imported(installation, "client", "list")) < MODULES


def test_a_worker_searches_for_cycles_all_but_what_lives_as_long_as_itself(installation: Path) -> None:
    script = """
import gc, multiprocessing, os
from authserver import config
from authserver.cli import serving
from authserver.domain.running import standing
context = multiprocessing.get_context("spawn")
serving.load(config.load(), context.RawValue("b", 0), context.RawArray("c", standing.BOARD_BYTES), None)
print(gc.get_freeze_count() > 50_000, gc.isenabled(), flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=installation, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True True", done.stderr


def test_who_counts_imports_the_library_and_finds_every_figure() -> None:
    script = """
import sys
from authserver.observability import metrics
assert "prometheus_client" not in sys.modules
metrics.TOKENS_ISSUED.labels("client_credentials", "access_token").inc()
from authserver.observability import figures
assert metrics.TOKENS_ISSUED is figures.TOKENS_ISSUED
assert vars(metrics)["render"] is figures.render
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_a_figure_that_is_none_is_an_error() -> None:
    from authserver.observability import metrics

    with pytest.raises(AttributeError):
        metrics.TOKENS_DREAMT  # noqa: B018  # asking is the test


def test_the_choices_of_the_client_verbs_are_those_of_the_domain() -> None:
    assert options.FORMATS == metadata.FORMATS == resource_wishes.FORMATS
    assert tuple(secrets.OVERLAPS) == client.OVERLAPS
    (overlap,) = [option for option in client.rotate_secret.params if option.name == "overlap"]
    assert overlap.default == secrets.DEFAULT_OVERLAP


@pytest.mark.parametrize(("shell", "word"), [("bash", "2"), ("zsh", "2"), ("fish", "ro")])
def test_shells_complete_verbs_and_what_is_below_them(tmp_path: Path, shell: str, word: str) -> None:
    script = "from authserver.cli import cli; cli.main(prog_name='authserver')"
    words = {"COMP_WORDS": "authserver client ro", "COMP_CWORD": word}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **words, "_AUTHSERVER_COMPLETE": f"{shell}_complete"},
        cwd=tmp_path, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert "rotate-secret" in done.stdout


@pytest.mark.parametrize(("words", "meant"), [(["cliant"], "client"), (["client", "lst"], "list")])
def test_a_mistyped_verb_is_named_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], words: list[str], meant: str
) -> None:
    assert cli.main(words) == 2
    assert meant in capsys.readouterr().err
