"""/apps/<id>/transfer: an app is offered to somebody, who accepts it before it is theirs (contract 11.38)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for

from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import ownership, transfers
from authserver.domain.clients.metadata import KINDS
from authserver.domain.people import users
from authserver.edge import current_user, kept_forms, one_shot
from authserver.errors import Conflict, DomainError, Invalid, NotFound, RateLimited

blueprint = Blueprint("apps_transfer", __name__)
CHOICES = (
    (transfers.END, "Now", "Their secrets, keys and tokens stop at once. Everybody signs in again."),
    (
        transfers.KEEP,
        "In 24 hours",
        "Time to put the new secret in place. Until then theirs work, too, and the app does nothing in your name.",
    ),
)


@blueprint.post("/apps/<client_id>/transfer/offer")
@current_user.require_user
@current_user.require_recent
def offer(client_id: str) -> Any:
    """Offer the app to somebody else; it stays its owner's until they accept."""
    me = current_user.me().user
    client = ownership.visible_to(me, client_id)
    try:
        transfers.begin(me)
    except RateLimited as refused:
        return _danger(client, refused.public), 429, {"Retry-After": str(refused.retry_after)}
    person = users.find_by_email(request.form.get("email", ""))
    if person is None:
        return _danger(client, "Nobody here has this email."), 422
    try:
        transfers.offer(me, client_id, person)
    except (Conflict, Invalid) as refused:
        return _danger(client, refused.public), 422
    flash(f"{client.name} is offered to {person.email}. It stays where it is until they accept.", "success")
    return redirect(url_for("apps_danger.show", client_id=client_id), 303)


def _where_offered() -> str:
    return url_for("apps_danger.show", **request.view_args or {})


kept_forms.pages |= {"apps_transfer.offer": _where_offered, "apps_transfer.withdraw": _where_offered}


@blueprint.post("/apps/<client_id>/transfer/withdraw")
@current_user.require_user
def withdraw(client_id: str) -> Any:
    """Take the offer back."""
    me = current_user.me().user
    ownership.visible_to(me, client_id)
    transfers.withdraw(me, client_id)
    flash("The offer is taken back.", "success")
    return redirect(url_for("apps_danger.show", client_id=client_id), 303)


@blueprint.get("/apps/<client_id>/transfer")
@current_user.require_user
@current_user.require_recent
def show(client_id: str) -> Any:
    """What is offered, and what ends with it."""
    return _page(_offered(client_id))


@blueprint.post("/apps/<client_id>/transfer")
@current_user.require_user
@current_user.require_recent
def answer(client_id: str) -> Any:
    """Accept the app, and show its new secret once; or decline it."""
    found, me = _offered(client_id), current_user.me().user
    if request.form.get("action") == "decline":
        transfers.withdraw(me, client_id)
        flash(f"You declined {found.client.name}.", "success")
        return redirect(url_for("apps.index"), 303)
    if not one_shot.spend():
        return render_template("dashboard/apps/already_shown.html", what="secret", client=found.client), 409
    try:
        client, secret = transfers.accept(
            me, client_id, request.form.get("former_credentials", ""), version=_version()
        )  # fmt: skip
    except (Conflict, Invalid) as refused:
        return _page(_offered(client_id), refused), refused.status
    shown = make_response(
        render_template("dashboard/apps/transferred.html", client=client, secret=secret, kind=KINDS[client.kind])
    )
    shown.headers["Cache-Control"] = "no-store"
    return shown


def _offered(client_id: str) -> transfers.Offer:
    try:
        return transfers.get(current_user.me().user, client_id)
    except NotFound:
        raise NotFound("There is no such page.", "no offer to this person") from None


def _version() -> int | None:
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _choices(found: transfers.Offer) -> list[tuple[str, str, str]]:
    left = transfers.choices(found)
    return [each for each in CHOICES if each[0] in left]


def _page(found: transfers.Offer, refused: DomainError | None = None) -> str:
    error = refused.public if refused else ""
    return render_template(
        "dashboard/apps/transfer.html", offer=found, client=found.client, kind=KINDS[found.client.kind],
        standing=client_directory.standing(found.client.id), choices=_choices(found), error=error, page_error=error,
    )  # fmt: skip


def _danger(client: Any, error: str) -> str:
    return render_template(
        "dashboard/apps/danger.html", client=client, standing=client_directory.standing(client.id),
        owner=client_directory.owner(client.owner_id), offer=transfers.find(client.id), error=error, page_error=error,
        stopped_by_admin=client.disabled_by == "admin" and not current_user.me().user.is_admin, form=request.form,
    )  # fmt: skip
