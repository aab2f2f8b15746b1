"""The `authserver` command: one file per noun, imported when it is called."""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
from click.exceptions import NoSuchCommand

from authserver.cli import opening, output
from authserver.errors import BadSettings, DomainError, NotFound, Unavailable
from authserver.lib import clock

# One sentence for each file of this folder, so that `--help` imports none of them.
VERBS = {
    "apply": "Make clients, scopes, resources and route tables as a file declares them.",
    "audit": "Read, verify and export the audit log.",
    "backup": "Copy the database into a file.",
    "client": "Create and manage OAuth clients.",
    "config": "Show, check and explain the settings.",
    "copy": "Copy the installation into another database.",
    "demo": "Serve a filled demo on this machine.",
    "doctor": "Look for what is wrong and print the line that mends it.",
    "healthcheck": "Ask a running server whether it is ready.",
    "init": "Ask a few questions and write authserver.toml.",
    "job": "List mails and sign-outs that were given up, and try again.",
    "jwks": "List, rotate and retire signing keys.",
    "key": "Create and manage API keys.",
    "migrate": "Bring the database to this version's schema.",
    "openapi": "Print the OpenAPI document of the API.",
    "purge": "Delete what has expired.",
    "registration-token": "Make and end tokens with which apps register themselves.",
    "resource": "Register and manage the APIs that tokens are for.",
    "restore": "Replace the database by a backup.",
    "rewrap": "Seal stored secrets again, under today's sealing key.",
    "serve": "Serve in production.",
    "token": "Issue, inspect, introspect and revoke tokens.",
    "user": "Create and manage people.",
    "version": "Print the version.",
    "webhook": "List webhooks, test them, have deliveries sent again.",
    "worker": "Deliver mails and webhooks, rotate keys and delete what has expired.",
}
# Verbs that open the installation themselves, or need none.
UNOPENED = {
    "backup", "config", "copy", "demo", "doctor", "healthcheck", "init", "migrate", "openapi", "restore", "serve",
    "version",
}  # fmt: skip


class Root(click.Group):
    """A group whose verbs are modules, and which turns every known error into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for verb in VERBS if _there(_module(verb))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"authserver.cli.{_module(cmd_name)}")
        command: click.Command = module.group if hasattr(module, "group") else module.command
        if cmd_name not in UNOPENED and not hasattr(command, "opens"):
            command.opens = True  # type: ignore[attr-defined]  # the mark that it is wrapped already
            _open_before(command, getattr(module, "OFFLINE", frozenset()))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As every group does; here, too, a mistyped verb is told what it resembles."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as unknown:
            raise NoSuchCommand(unknown.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, VERBS[verb]) for verb in self.list_commands(ctx)])

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> NoReturn:
        """Run, and exit with one of the contract's codes; `--json` may stand anywhere before `--`."""
        words = list(sys.argv[1:] if args is None else args)
        end = words.index("--") if "--" in words else len(words)
        output.choose_json("--json" in words[:end])
        words = [word for word in words[:end] if word != "--json"] + words[end:]
        named["prog_name"] = "authserver"
        try:
            super().main(words, *more, **named)
        except BrokenPipeError:
            sys.stderr.close()  # the reader went away: nothing to tell, and nobody
            sys.exit(output.ERROR)
        except Exception as error:
            code, sentence = explain(error)
            output.complain(sentence)
            sys.exit(code)
        sys.exit(output.DONE)


def _module(verb: str) -> str:
    return verb.replace("-", "_")


def _there(module: str) -> bool:
    """A verb is a file, or a folder where its nouns are several."""
    here = Path(__file__).parent
    return (here / f"{module}.py").exists() or (here / module / "__init__.py").exists()


def explain(error: Exception) -> tuple[int, str]:
    """The exit code and the one line for an error. Never a traceback, never a secret."""
    from authserver.lib import secrets

    code, sentence = _classify(error)
    return code, secrets.redact(" ".join(sentence.split()))


def _classify(error: Exception) -> tuple[int, str]:
    if isinstance(error, output.NotReady):
        return output.NOT_READY, str(error)
    if isinstance(error, NotFound):
        return output.MISSING, error.public
    if isinstance(error, Unavailable):
        return output.NOT_READY, error.public
    if isinstance(error, DomainError):
        problems: dict[str, str] = getattr(error, "problems", {})
        return output.ERROR, "; ".join(f"{field}: {text}" for field, text in problems.items()) or error.public
    if isinstance(error, BadSettings):
        return output.ERROR, str(error)
    if type(error).__module__.startswith("sqlalchemy") and hasattr(error, "orig"):
        first = str(error.orig).strip().partition("\n")[0]
        return output.NOT_READY, f"The database does not work: {first}"
    if isinstance(error, OSError):
        return output.ERROR, f"{error.filename or 'The system'}: {error.strerror or error}"
    return output.ERROR, f"Something unexpected happened ({type(error).__name__}): {error}"


def _open_before(command: click.Command, offline: frozenset[str]) -> None:
    """Let every command below run inside an opened installation; asking for help opens nothing."""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            if name not in offline:
                _open_before(each, offline)
        return
    run = command.callback
    if run is None:
        return

    @functools.wraps(run)
    def opened(*args: Any, **named: Any) -> Any:
        with opening.opened():
            return run(*args, **named)

    command.callback = opened


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", "file", type=click.Path(path_type=Path), help="Settings file instead of ./authserver.toml.")
@click.option("--demo", is_flag=True, help="Act on the demo's installation in var/demo.")
@click.option("--json", is_flag=True, help="Print results as JSON; may also stand after the verb.")
@click.version_option(None, "-V", "--version", package_name="authserver", message="%(version)s")
def cli(file: Path | None, demo: bool, json: bool) -> None:
    """An OAuth 2.0, OpenID Connect and JWT authorization server."""
    opening.choose(file, demo)


def main(args: Sequence[str] | None = None) -> int:
    """Entry of the console script: runs a command and answers its exit code."""
    atexit.register(gc.freeze)  # what ends with the process is searched for no cycles: saves 5 % of a verb
    if args is None:  # tests, which move the clock, say the words
        clock.hold()
    try:
        cli.main(args)
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else output.ERROR if finished.code else output.DONE
