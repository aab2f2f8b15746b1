"""/playground: every flow with its real requests and answers (ux.md 2.11)."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, render_template, request

from authserver import config
from authserver.config import Settings
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.demo import playground, playground_app, seeding
from authserver.edge import current_user, headers
from authserver.lib import scopes as grammar

blueprint = Blueprint("playground", __name__, url_prefix="/playground")
JWT_ALGS = ("ES256", "RS256", "PS256", "EdDSA")


@blueprint.get("")
def show() -> Any:
    """The playground; with an answer to an authorization request in the query, the page that hands it over."""
    answered = "state" in request.args and ("code" in request.args or "error" in request.args)
    if current_user.signed_in() is None:
        return current_user.to_sign_in("/playground")  # without the code: it belongs into no further address
    if answered:
        return render_template("dashboard/playground/callback.html")
    settings, seeded = config.current(), playground.seeded()
    return render_template(
        "dashboard/playground/show.html",
        client_id=seeded.id if seeded else "",
        redirect_uri=playground_app.redirect_uri(),
        app_name=playground.NAME,
        demo_api=settings.issuer + seeding.API_PATH if settings.demo else "",
        algs=JWT_ALGS,
        flows=_offered(settings),
        hears=settings.demo and settings.has_logout_channels,
        needs_token=settings.registration == "token",
    )


def _offered(settings: Settings) -> set[str]:
    """The flows that a setting switches on."""
    on = {"device": settings.has_devices, "registration": settings.registration != "off"}
    return {"logout", "mcp", *(name for name, there in on.items() if there)}


@blueprint.get("/apps/<client_id>")
@current_user.require_user
def look_up(client_id: str) -> Response:
    """Whether a client of this person can be used here, for the script of the page."""
    found = playground.standing(current_user.me().user, client_id)
    client = found.client
    return _told(
        client_id=client.id,
        client_name=client.name,
        public=client.public,
        enabled=client.enabled,
        grant_types=list(client.grant_types),
        scope=grammar.join(client.scopes),
        comes_back=found.comes_back,
        mine=found.mine,
    )


@blueprint.post("/apps/<client_id>/redirect-uri")
@current_user.require_user
@current_user.require_recent
def come_back(client_id: str) -> Response:
    """One click: people who sign in for this client may come back here."""
    row = playground.come_back(current_user.me().user, client_id)
    return _told(client_id=row.id, redirect_uris=list(row.redirect_uris))


@blueprint.post("/apps")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent
def make_client() -> Response:
    """An app of this person for trying things; its secret goes into the memory of the page and nowhere else."""
    keys = client_metadata.key_set(request.form.get("jwks", ""))
    row, secret = playground.own_app(current_user.me().user, keys)
    return _told(client_id=row.id, client_secret=secret)


@blueprint.post("/keys")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent_if(playground.is_strong_key)
def make_key() -> Response:
    """A key that reads, for an hour."""
    return _told(key=playground.short_key(current_user.me().user))


@blueprint.post("/registration-tokens")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent
def make_registration_token() -> Response:
    """An initial access token for a few tries, for an hour."""
    return _told(token=playground.registration_token(current_user.me().user))


def _told(**members: Any) -> Response:
    """JSON for the page's own script; whoever opens it as a page gets a dead document."""
    response = Response(json.dumps(members), content_type="application/json")
    response.headers["Content-Security-Policy"] = headers.MACHINE_CSP
    return response
