"""/apps/<id>/danger: disable, end all tokens, delete, restore (ux.md 2.5)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import endings, ownership, transfers
from authserver.domain.tokens import app_makings
from authserver.edge import current_user, undo

blueprint = Blueprint("apps_danger", __name__)


@blueprint.get("/apps/<client_id>/danger")
@current_user.require_user
def show(client_id: str) -> Any:
    """What can be stopped, and what that means."""
    return _page("danger", _mine(client_id))


@blueprint.get("/apps/<client_id>/disable")
@current_user.require_user
def ask_disable(client_id: str) -> Any:
    """How much stops? For administrators, who may end for good what it made along with it."""
    return _page("disable", _mine(client_id))


def _ends_made() -> bool:
    """Whether things of others end, for good: for an administrator who proved lately that they are one."""
    return "end_made" in request.form


@blueprint.post("/apps/<client_id>/disable")
@current_user.require_user
@current_user.require_recent_if(_ends_made)
def disable(client_id: str) -> Any:
    """Stop the app, at once: nothing is lost with it, and it can be undone (decision 12)."""
    me = current_user.me().user
    was_on = _mine(client_id).disabled_at is None
    client = endings.disable(me, client_id)
    ended = _end_made(client_id)
    said = f"{client.name} is disabled. Its tokens are refused within a second.{ended}"
    if was_on and not ended:
        undo.offer(said, "apps_danger.enable", client_id=client_id)
    else:
        flash(said, "success")
    return _back(client_id)


def _end_made(client_id: str) -> str:
    """End what it made for people, if an administrator asks for that; the sentence about it."""
    ended = app_makings.end_all_of([client_id]) if current_user.me().user.is_admin and _ends_made() else 0
    return f" {ended} {'thing' if ended == 1 else 'things'} that it made ended." if ended else ""


@blueprint.post("/apps/<client_id>/enable")
@current_user.require_user
def enable(client_id: str) -> Any:
    """Let the app work again."""
    client = endings.enable(current_user.me().user, client_id)
    flash(endings.still_stopped(client_id) or f"{client.name} works again.", "success")
    return _back(client_id)


@blueprint.get("/apps/<client_id>/revoke-tokens")
@current_user.require_user
@current_user.require_recent
def ask_revoke_tokens(client_id: str) -> Any:
    """How much ends?"""
    return _page("revoke_tokens", _mine(client_id))


@blueprint.post("/apps/<client_id>/revoke-tokens")
@current_user.require_user
@current_user.require_recent
def revoke_tokens(client_id: str) -> Any:
    """End every token of the app; it can get new ones."""
    ended = endings.revoke_tokens(current_user.me().user, client_id)
    flash(f"All tokens have ended, {ended} sign-ins with them. The app can get new ones.", "success")
    return _back(client_id)


@blueprint.get("/apps/<client_id>/delete")
@current_user.require_user
@current_user.require_recent
def ask_delete(client_id: str) -> Any:
    """Type its name."""
    return _page("delete", _mine(client_id))


@blueprint.post("/apps/<client_id>/delete")
@current_user.require_user
@current_user.require_recent
def delete(client_id: str) -> Any:
    """Delete the app; it can be restored for a week."""
    client = _mine(client_id)
    if " ".join(request.form.get("confirm_name", "").split()) != " ".join(client.name.split()):
        return _page("delete", client, error="Type the name exactly as it is written above."), 422
    endings.remove(current_user.me().user, client_id)
    flash(f"{client.name} is deleted. It can be restored for seven days.{_end_made(client_id)}", "success")
    return redirect(url_for("apps.index", status="deleted"), 303)


@blueprint.post("/apps/<client_id>/restore")
@current_user.require_user
@current_user.require_developer
def restore(client_id: str) -> Any:
    """Bring a deleted app back."""
    client = endings.restore(current_user.me().user, client_id)
    now = endings.still_stopped(client_id) or "People sign in to it again."
    flash(f"{client.name} is back. {now}", "success")
    return redirect(url_for("apps.show", client_id=client_id), 303)


def _mine(client_id: str) -> Any:
    return ownership.visible_to(current_user.me().user, client_id)


def _back(client_id: str) -> Any:
    return redirect(url_for("apps_danger.show", client_id=client_id), 303)


def _page(name: str, client: Any, error: str = "") -> str:
    owner = client_directory.owner(client.owner_id)
    stopped_by_admin = client.disabled_by == "admin" and not current_user.me().user.is_admin
    return render_template(
        f"dashboard/apps/{name}.html", client=client, standing=client_directory.standing(client.id), owner=owner,
        offer=transfers.find(client.id), error=error, page_error=error,
        stopped_by_admin=stopped_by_admin, form=request.form,
    )  # fmt: skip
