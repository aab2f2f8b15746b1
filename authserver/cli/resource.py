"""`authserver resource`: the APIs that tokens are for (RFC 8707, RFC 9728)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from authserver.cli import options, output
from authserver.lib import scopes as grammar

# The domain brings the ORM along, so each verb imports it when it runs: `--help` stays fast.
if TYPE_CHECKING:
    from authserver.domain.access.resources import ResourceFacts

COLUMNS = ("identifier", "name", "scope", "open")


@click.group()
def group() -> None:
    """Register and manage the APIs that tokens are for."""


@group.command()
@click.argument("url")
@click.option("--name", required=True, help="What people read.")
@click.option("--scope", default="", help='Its scopes, such as "notes:read notes:write"; new ones are made.')
@click.option("--access-token-format", type=click.Choice(options.FORMATS), help="As the app says unless told.")
@click.option(
    "--access-token-alg", type=click.Choice(("ES256", "RS256")), help="That signs its JWTs; ES256 unless told."
)
@click.option("--access-token-ttl", type=int, metavar="SECONDS", help="Its tokens live no longer: 60 to 86400.")
@click.option("--open", "is_open", is_flag=True, help="Apps that register themselves may ask for tokens for it.")
@click.option("--open-rate-limit", metavar="LIMIT", help="Such as 100/hour: of those apps of one person, together.")
@click.option("--max-age", type=int, metavar="SECONDS", help="Since the person signed in, at most (RFC 9470).")
@click.option("--acr-values", metavar="NAMES", help="How surely they signed in: aal1, aal2, phr (RFC 9470).")
def create(
    url: str, name: str, scope: str, access_token_format: str | None, access_token_ttl: int | None, is_open: bool,
    access_token_alg: str | None, open_rate_limit: str | None, max_age: int | None, acr_values: str | None,
) -> None:  # fmt: skip
    """Register the API at URL, its address as its tokens carry it."""
    from authserver.domain.access import resources

    resources.create(
        url, name, access_token_format=access_token_format, access_token_ttl=access_token_ttl, open=is_open,
        access_token_alg=access_token_alg, open_rate_limit=open_rate_limit, max_age=max_age, acr_values=acr_values,
        scopes=options.scopes(scope),
    )  # fmt: skip
    _emit(resources.get(url))


@group.command("list")
def list_() -> None:
    """List APIs."""
    from authserver.domain.access import resources

    rows = [_facts(each) for each in resources.all().values()]
    output.emit(rows, output.table(rows, COLUMNS) if rows else "There are no APIs.")


@group.command()
@click.argument("url")
def show(url: str) -> None:
    """Show an API, and what a server at it says to apps that have no token."""
    from authserver.domain.access import resources

    _emit(resources.get(url))


@group.command()
@click.argument("url")
@click.option("--name", help="What people read.")
@click.option(
    "--scope", help='All its scopes, such as "notes:read notes:write"; those left out are not its own any more.'
)
@click.option("--access-token-format", type=click.Choice((*options.FORMATS, "app")), help="app: as the app says.")
@click.option("--access-token-alg", type=click.Choice(("ES256", "RS256")), help="That signs its JWTs.")
@click.option("--access-token-ttl", type=int, metavar="SECONDS", help="60 to 86400; 0: as the app says.")
@click.option("--open/--closed", "is_open", default=None, help="Whether apps that register themselves may ask for it.")
@click.option("--open-rate-limit", metavar="LIMIT", help="Such as 100/hour; an empty one: as one app may.")
@click.option("--max-age", type=int, metavar="SECONDS", help="60 to 2592000; 0: a sign-in of any age.")
@click.option("--acr-values", metavar="NAMES", help="aal1, aal2, phr; empty: however they signed in.")
def update(
    url: str, name: str | None, scope: str | None, access_token_format: str | None, access_token_ttl: int | None,
    is_open: bool | None, access_token_alg: str | None, open_rate_limit: str | None, max_age: int | None,
    acr_values: str | None,
) -> None:  # fmt: skip
    """Change what is given of the API at URL."""
    from authserver.domain.access import resources

    before = resources.get(url)
    form = {None: before.access_token_format, "app": None}.get(access_token_format, access_token_format)
    resources.update(
        url,
        before.name if name is None else name,
        access_token_format=form,
        access_token_typ=None if form == "opaque" else before.access_token_typ,
        access_token_ttl=before.access_token_ttl if access_token_ttl is None else access_token_ttl or None,
        access_token_alg=None if form == "opaque" else access_token_alg or before.access_token_alg,
        open=before.open if is_open is None else is_open,
        open_rate_limit=before.open_rate_limit if open_rate_limit is None else open_rate_limit,
        max_age=before.max_age if max_age is None else max_age or None,
        acr_values=before.acr_values if acr_values is None else acr_values,
        scopes=None if scope is None else options.scopes(scope),
    )
    _emit(resources.get(url))


@group.command()
@click.argument("url")
def delete(url: str) -> None:
    """Delete an API that no app uses; no token is made for it any more."""
    from authserver.domain.access import resources

    resources.remove(url)
    output.emit({"identifier": url, "status": "deleted"}, f"{url} is deleted.")


def _facts(resource: ResourceFacts) -> dict[str, Any]:
    from authserver.domain.access import protected_resources, resource_scopes

    facts = dataclasses.asdict(resource)
    return facts | {
        "scope": grammar.join(resource_scopes.of(resource.identifier)),
        "challenge": protected_resources.challenge(resource.identifier),
    }


def _emit(resource: ResourceFacts) -> None:
    facts = _facts(resource)
    output.emit(facts)
