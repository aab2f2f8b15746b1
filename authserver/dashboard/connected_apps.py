"""/connected-apps: what a person allowed, and taking it back (ux.md 2.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from authserver import config
from authserver.domain.access import resources, scopes
from authserver.domain.access.scopes import ScopeFacts
from authserver.domain.clients import directory as client_directory
from authserver.domain.grants import connected_apps
from authserver.domain.grants.connected_apps import ConnectedApp
from authserver.domain.tokens import app_makings, disowning, empowered
from authserver.domain.tokens.disowning import Made
from authserver.edge import current_user, paging
from authserver.errors import Invalid, NotFound
from authserver.lib import clock, durations

blueprint = Blueprint("connected_apps", __name__, url_prefix="/connected-apps")


@dataclass(frozen=True, slots=True)
class Row:
    """One app with what it can do, in the sentences of the consent page."""

    app: ConnectedApp
    initials: str
    host: str
    can: list[str]
    level: str  # the highest of its scopes
    apis: list[str]
    unused: bool


@blueprint.get("")
@current_user.require_user
def index() -> str:
    """The apps of this person: connected ones, then those revoked."""
    found = connected_apps.connections(current_user.me().user.id, **paging.asked())
    return render_template(
        "dashboard/connected_apps/index.html",
        connected=found.connected.each(_row),
        total=found.total,
        revoked=[_row(app) for app in found.earlier],
        revoked_total=found.earlier_total,
    )


@blueprint.get("/<client_id>/revoke")
@current_user.require_user
def confirm(client_id: str) -> str:
    """What revoking does, honestly, before it is done."""
    me = current_user.me().user
    app = connected_apps.find(me.id, client_id)
    return render_template(
        "dashboard/connected_apps/revoke.html", row=_row(app), lifetime=_in_words(_lifetime(app)),
        **_made(app_makings.of(me, [client_id])),
    )  # fmt: skip


def _is_about_people() -> bool:
    """Whether accounts or roles of others end: for whoever proved lately that they are the administrator."""
    return any(each.partition(":")[0] in empowered.OF_PEOPLE for each in request.form.getlist("end"))


@blueprint.post("/<client_id>/revoke")
@current_user.require_user
@current_user.require_recent_if(_is_about_people)
def revoke(client_id: str) -> Response:
    """Everything of the app dies at once, and what is ticked of what it made."""
    me = current_user.me().user
    app = connected_apps.find(me.id, client_id)
    ended = app_makings.withdraw(me, [client_id], request.form.getlist("end"), request.form.getlist("shown"))
    flash(f"{app.client.name} can no longer use your account.{_ended(ended)}", "ok")
    return _back()


@blueprint.get("/<client_id>/change")
@current_user.require_user
def choose(client_id: str) -> str:
    """What the app may do, with a tick for each (ASVS 10.7.3)."""
    return _choices(_changeable(client_id))


@blueprint.post("/<client_id>/change")
@current_user.require_user
@current_user.require_recent_if(_is_about_people)
def narrow(client_id: str) -> Any:
    """What is unticked is taken back at once, and what is ticked of what it made ends."""
    app, kept = _changeable(client_id), request.form.getlist("scope")
    chosen, shown = request.form.getlist("end"), request.form.getlist("shown")
    try:
        gone, ended = app_makings.narrow(current_user.me().user, client_id, kept, chosen, shown)
    except Invalid as refused:
        return _choices(app, refused.public), 422
    less = f"{app.client.name} can do less now. It has to sign you in again." if gone else ""
    if said := f"{less}{_ended(ended)}".strip():
        flash(said, "ok")
    return _back()


@blueprint.get("/made")
@current_user.require_user
def left() -> str:
    """What apps made that have no access any more, and that goes on."""
    made = app_makings.left(current_user.me().user)
    return render_template("dashboard/connected_apps/left.html", **_made(made))


@blueprint.post("/made")
@current_user.require_user
@current_user.require_recent_if(_is_about_people)
def end_left() -> Response:
    """What is ticked of it ends."""
    ended = app_makings.end_left(current_user.me().user, request.form.getlist("end"))
    flash(f"{ended} {'thing has' if ended == 1 else 'things have'} ended.", "ok")
    return _back()


def _changeable(client_id: str) -> ConnectedApp:
    app = connected_apps.find(current_user.me().user.id, client_id)
    if not app.consented:
        raise NotFound("There is nothing to change: this app is never asked about.")
    return app


def _choices(app: ConnectedApp, error: str = "") -> str:
    known = scopes.all()
    told = [(name, known[name].title if name in known else name) for name in app.consented]
    return render_template(
        "dashboard/connected_apps/change.html", row=_row(app), told=told, page_error=error,
        lifetime=_in_words(_lifetime(app)), **_made(app_makings.of(current_user.me().user, [app.client.id])),
    )  # fmt: skip


@blueprint.get("/revoke-all")
@current_user.require_user
def confirm_all() -> Any:
    """The same for every app at once."""
    me = current_user.me().user
    ids = connected_apps.connected_ids(me.id)
    if not ids:
        return _back()
    lifetime = client_directory.longest_lifetime(ids, config.current().access_token_ttl)
    return render_template(
        "dashboard/connected_apps/revoke_all.html", count=len(ids), lifetime=_in_words(lifetime),
        **_made(app_makings.of(me, ids)),
    )  # fmt: skip


@blueprint.post("/revoke-all")
@current_user.require_user
@current_user.require_recent_if(_is_about_people)
def revoke_all() -> Response:
    """Everything of every app dies at once, and what is ticked of what they made."""
    me = current_user.me().user
    ids = connected_apps.connected_ids(me.id)
    ended = app_makings.withdraw(me, ids, request.form.getlist("end"), request.form.getlist("shown"))
    flash(f"Revoked the access of {len(ids)} {'app' if len(ids) == 1 else 'apps'}.{_ended(ended)}", "ok")
    return _back()


def _made(made: list[Made]) -> dict[str, Any]:
    """What apps made, for a page that offers to end it."""
    return {"made": made, "kinds": disowning.KINDS}


def _ended(count: int) -> str:
    return f" {count} {'thing' if count == 1 else 'things'} that it made ended, too." if count else ""


def _back() -> Response:
    return make_response(redirect(url_for("connected_apps.index"), 303))


def _row(app: ConnectedApp) -> Row:
    known, registered = scopes.all(), resources.all()
    facts = [each for each in known.values() if each.name in app.scopes]
    return Row(
        app=app,
        initials="".join(word[0] for word in app.client.name.split()[:2]).upper(),
        host=_host(app.client.homepage),
        can=[each.title for each in facts],
        level=_highest(facts),
        apis=[registered[each].name for each in app.resources if each in registered],
        unused=app.connected and app.unused(clock.now()),
    )


def _highest(facts: Iterable[ScopeFacts]) -> str:
    return max((each.level for each in facts), key=scopes.LEVELS.index, default="")


def _lifetime(app: ConnectedApp) -> int:
    """The longest life, in seconds, of a signed token that this app may still hold."""
    return app.client.access_token_ttl or config.current().access_token_ttl


def _in_words(seconds: int) -> str:
    return "1 hour" if seconds == 3600 else durations.in_words(seconds)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
