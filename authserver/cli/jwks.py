"""authserver jwks: list, rotate, retire (contract.md section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from authserver.cli import output
from authserver.lib import durations

# The domain brings the ORM along, so each verb imports it when it runs: `--help` stays fast.
if TYPE_CHECKING:
    from authserver.domain.signing.keys import SigningKey


@click.group()
def group() -> None:
    """List, rotate and retire signing keys."""


@group.command("list")
@click.option("--all", "removed_too", is_flag=True, help="Show removed keys too.")
def list_keys(removed_too: bool) -> None:
    """List keys, newest first; pending ones are published and do not sign yet."""
    from authserver.domain.signing import keys as signing_keys

    rows = [_facts(key) for key in signing_keys.every()]
    shown = [row for row in rows if removed_too or row["state"] != "removed"]
    output.emit(shown, output.table(shown, ("kid", "alg", "state", "active", "retired")))


@group.command()
@click.option("--alg", "algs", multiple=True, type=click.Choice(["ES256", "RS256", "PS256", "EdDSA"]))
def rotate(algs: tuple[str, ...]) -> None:
    """Publish new keys, ES256 and RS256 unless chosen; they take over in six minutes, without a failed request."""
    from authserver.domain.signing import keys as signing_keys

    made = signing_keys.rotate(algs or signing_keys.ALGS)
    output.note(f"They are published now and sign in {durations.in_words(signing_keys.PUBLISH_AHEAD)}.")
    rows = [_facts(key) for key in made]
    output.emit(rows, output.table(rows, ("kid", "alg", "state", "active")))


@group.command(context_settings={"ignore_unknown_options": True})  # a kid of before may begin with -
@click.argument("kid")
@click.option("--now", "at_once", is_flag=True, help="It leaked: nothing it signed is good any more, from this second.")
def retire(kid: str, at_once: bool) -> None:
    """Let a key sign no more. What it signed stays good until it expires, unless --now."""
    from authserver.domain.signing import keys as signing_keys

    signing_keys.retire(kid, at_once=at_once)
    said = (
        "Removed and replaced. Its tokens are dead." if at_once else "Retired. Its tokens stay good until they expire."
    )
    output.emit({"kid": kid, "state": "removed" if at_once else "retired"}, said)


def _facts(key: SigningKey) -> dict[str, Any]:
    from authserver.domain.signing import keys as signing_keys

    times = {"created": key.created_at, "active": key.active_at, "retired": key.retired_at, "removed": key.removed_at}
    said = {name: None if at is None else durations.iso(at) for name, at in times.items()}
    return {"kid": key.kid, "alg": key.alg, "state": signing_keys.state(key), **said}
