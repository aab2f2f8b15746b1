"""/apps: the OAuth clients of a person: list them, look at one, see what happened to it (ux.md 2.4, 2.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from authserver.domain.access import resources, scopes
from authserver.domain.authorization import code_protection
from authserver.domain.clients import clients, ownership, transfers
from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.metadata import CODE, KINDS
from authserver.domain.grants import consents
from authserver.domain.ground import usage
from authserver.domain.insight import audit_sentences
from authserver.domain.record import audit
from authserver.edge import current_user, paging
from authserver.lib import clock, redirect_uris

blueprint = Blueprint("apps", __name__)
DAY = 86_400
STATUSES = (("", "All"), ("active", "Active"), ("disabled", "Disabled"), ("deleted", "Deleted"))


@blueprint.get("/apps")
@current_user.require_user
def index() -> Any:
    """The person's apps, newest first."""
    status, kind, search = (request.args.get(name, "") for name in ("status", "kind", "q"))
    me = current_user.me().user
    lines, total = client_directory.owned_by(me, search=search, status=status, kind=kind, **paging.asked())
    return render_template(
        "dashboard/apps/index.html",
        offers=transfers.waiting(me.id),
        lines=lines, total=total, status=status, kind=kind, q=search,
        kinds=KINDS, statuses=STATUSES, filtered=bool(status or kind or search),
    )  # fmt: skip


@blueprint.get("/apps/<client_id>")
@current_user.require_user
def show(client_id: str) -> Any:
    """What it is, what state it is in."""
    client = _mine(client_id)
    now, subjects = clock.now(), [f"client:{client.id}"]
    return render_template(
        "dashboard/apps/show.html",
        tokens_day=usage.total(usage.TOKENS, since=now - DAY, subjects=subjects),
        tokens_week=usage.total(usage.TOKENS, since=now - 7 * DAY, subjects=subjects),
        has_samples=usage.has_samples(since=now - 7 * DAY, subjects=subjects),
        client=client, standing=client_directory.standing(client.id), owner=client_directory.owner(client.owner_id),
        secrets=client_secrets.active(client.id), kind=KINDS[client.kind], checks=_checks(client),
        known=scopes.all(), resources=resources.all(),
        people=consents.newest(client.id) if client.self_registered else [],
    )  # fmt: skip


@blueprint.get("/apps/<client_id>/activity")
@current_user.require_user
def activity(client_id: str) -> Any:
    """What happened to it, newest first."""
    client = _mine(client_id)
    events, total = audit.page(client_id=client.id, **paging.asked())
    told = audit_sentences.for_viewer(events, current_user.me().user)
    places = {each.seq: each.ip for each in told}
    return render_template(
        "dashboard/apps/activity.html", client=client, events=events, total=total, places=places
    )  # fmt: skip


def _mine(client_id: str) -> Any:
    return ownership.visible_to(current_user.me().user, client_id)


def _checks(client: Any) -> list[tuple[bool, str]]:
    """The safety of an app in sentences, good and amber."""
    checks = [code_protection.described(clients.get(client.id))]
    if client.redirect_uris:
        local = any(redirect_uris.is_loopback(uri) for uri in client.redirect_uris) and client.kind != "native"
        checks.append(
            (not local, "A redirect URI of your own machine is left" if local else "Redirect URIs match exactly")
        )
    if not client.public:
        checks.append((True, "Secrets are kept as digests"))
    checks.append((bool(client.contacts), "Somebody can be reached" if client.contacts else "No contact is given"))
    return checks if CODE in client.grant_types else checks[1:]
