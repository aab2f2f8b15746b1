"""/errors: "Why did this fail?" Refused requests of a person's apps and keys, seven days back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from authserver.domain.clients import clients
from authserver.domain.clients.clients import Client
from authserver.domain.insight import refusals, remedies, software
from authserver.domain.insight.refusals import Refusal, Viewer
from authserver.edge import current_user, paging

blueprint = Blueprint("errors", __name__, url_prefix="/errors")
KINDS = {
    "authorize": "Sign-in", "token": "Token endpoint", "introspection": "Introspection", "revocation": "Revocation",
    "userinfo": "Userinfo", "gateway": "Gateway", "api": "API",
}  # fmt: skip


@blueprint.get("")
@current_user.require_user
def index() -> str:
    """Refused requests, newest first; `about` narrows them to one app or key."""
    about = request.args.get("about", "").strip()[:64]
    rows, total = refusals.page(_viewer(), about=about.replace("\0", ""), **paging.asked())
    return render_template(
        "dashboard/errors/index.html",
        refusals=rows,
        names=refusals.names(rows),
        kinds=KINDS,
        total=total,
        about=about,
    )


@blueprint.get("/<request_id>")
@current_user.require_user
def show(request_id: str) -> str:
    """One refusal: which check failed, what was expected and what was received."""
    found = refusals.get(_viewer(), request_id.replace("\0", ""))
    client = clients.stored(found.client_id) if found.client_id else None
    return render_template(
        "dashboard/errors/show.html",
        refusal=found,
        names=refusals.names([found]),
        kind=KINDS.get(found.kind, "API"),
        compared=[(check, remedies.compare(check)) for check in found.checks],
        fixes=remedies.fixes(found, client, current_user.me().user),
        **(_in_software(found, client) if client else {"software": []}),
    )


def _in_software(refusal: Refusal, client: Client) -> dict[str, Any]:
    """What mends it on the side of the app: for the software that sent it, where that is sure, else for the chosen."""
    known = software.mending(refusal, client)
    sender = software.recognised(refusal, client, known)
    page = known.get(request.args.get("with", sender))
    return {
        "software": [(each.name, each.title) for each in known.values()],
        "sender": sender,
        "page": page,
        "comes_back_to": software.comes_back_to(page, refusal) if page else "",
        "lines": software.lines(page, refusal, client) if page else (),
    }


def _viewer() -> Viewer:
    return Viewer(user=current_user.me().user)
