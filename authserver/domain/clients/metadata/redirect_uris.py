"""Where people come back to: redirect URIs after sign-in and after sign-out."""

from __future__ import annotations

from collections.abc import Sequence

from authserver.domain.clients.metadata import rows
from authserver.domain.clients.metadata.registration import CODE, Registration
from authserver.lib import redirect_uris as uris


def check(wanted: Registration) -> dict[str, str]:
    """Each redirect URI goes with the kind of app, and who signs people in has one."""
    kind = "native" if wanted.application_type == "native" else "spa" if wanted.public else "web"
    problems = rows.problems("redirect_uris", wanted.redirect_uris, lambda uri: uris.problem(uri, kind=kind))
    if CODE in (wanted.grant_types or ()) and not wanted.redirect_uris:
        problems["redirect_uris"] = "Enter at least one redirect URI: it is where people come back to."
    return problems | rows.problems(
        "post_logout_redirect_uris", wanted.post_logout_redirect_uris, lambda uri: uris.problem(uri, kind=kind)
    )


def check_self_registered(wanted: Registration) -> dict[str, str]:
    """An app that registered itself has no scheme that another app may claim (contract 11.45)."""
    return {
        name: text
        for field in ("redirect_uris", "post_logout_redirect_uris")
        for name, text in rows.problems(
            field, getattr(wanted, field), lambda uri: uris.problem(uri, kind="native", self_registered=True)
        ).items()
    }


def only_https(all_of_them: Sequence[str]) -> bool:
    """Whether nobody but the owner of a host can receive what is sent there."""
    return all(uri.startswith("https://") for uri in all_of_them)
