"""/device: a person types the code that a device shows, compares, and allows or denies (RFC 8628 section 3.3)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for

from authserver.domain.access import scopes
from authserver.domain.authorization import device_answers, devices
from authserver.domain.authorization.devices import Waiting, WrongCode
from authserver.domain.authorization.requests import Answered
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.people import users
from authserver.edge import consent_rows, current_user, kept_forms, refused
from authserver.edge.consent_rows import Row
from authserver.errors import Check, RateLimited
from authserver.lib import user_agents, user_codes
from authserver.observability import context, metrics

blueprint = Blueprint("device", __name__)
CLOSE = "You can close this window."


def _always(**_: Any) -> bool:
    return True


def _back(**_: Any) -> str:
    """Here again, with the code that was typed: it is no secret, and opens nothing by itself."""
    return url_for("device.show", user_code=_typed() or None)


def _asked() -> str:
    """The page of the form that was sent: the question, once there was one."""
    return _back() if "action" in request.form else url_for("device.show")


kept_forms.pages["device.answer"] = _asked
# Approval needs a fresh proof (class C33): a link and a session that was left open are not enough.
_fresh = current_user.require_recent_if(_always, back=_back, says="always")


@blueprint.get("/device")
@current_user.require_user
@_fresh
def show() -> Response:
    """The field for the code; of a link that carries one the question, which still asks for a comparison."""
    return _ask() if _typed() else _form("")


@blueprint.post("/device")
@current_user.require_user
@_fresh
def answer() -> Response:
    """The code that was typed, and then the answer, once. What was not shown to this person cannot be answered."""
    action = request.form.getlist("action")
    if action not in (["allow"], ["deny"]):
        return _ask()
    try:
        waiting = devices.find(_typed(), user_id=current_user.me().user.id)
        client = devices.client_of(waiting)
        if waiting.user_id != current_user.me().user.id:
            return _question(waiting, client)
        return _deny(waiting, client) if action == ["deny"] else _allow(waiting, client)
    except (WrongCode, RateLimited, Answered) as problem:
        return _problem(problem)


def _ask() -> Response:
    try:
        waiting = devices.find(_typed(), user_id=current_user.me().user.id)
        client = devices.client_of(waiting)
        device_answers.note_asked(waiting, current_user.me().user.id)
        return _question(waiting, client)
    except (WrongCode, RateLimited, Answered) as problem:
        return _problem(problem)


def _typed() -> str:
    posted = request.method == "POST"
    return (request.form.get("user_code", "") if posted else request.args.get("user_code", "")).strip()


def _allow(waiting: Waiting, client: ClientFacts) -> Response:
    allowed, problem = consent_rows.answered(_offered(waiting, client), client, request.form)
    if problem:
        return _question(waiting, client, problem=problem)
    device_answers.allow(waiting, client, current_user.me(), allowed=allowed)
    metrics.CONSENTS.labels(decision="allow").inc()
    return _done(client, allowed=True)


def _deny(waiting: Waiting, client: ClientFacts) -> Response:
    device_answers.deny(waiting, client, current_user.me())
    metrics.CONSENTS.labels(decision="deny").inc()
    checks = (Check("consent", False, "given by the person", "not given: they chose Cancel"),)
    text = "The person did not allow this. Ask again when they want it."
    refused.note_sign_in(client.id, code="access_denied", message=text, checks=checks, status=200)
    return _done(client, allowed=False)


def _offered(waiting: Waiting, client: ClientFacts) -> list[Row]:
    user = current_user.me().user
    kept = devices.effective_scopes(waiting, client, user.role)
    return consent_rows.of(kept, waiting.resources, client, user)


def _question(waiting: Waiting, client: ClientFacts, *, problem: str = "") -> Response:
    """Who asks, from where, since when, for what; the code stays in sight, so that it can be compared."""
    offered, user = _offered(waiting, client), current_user.me().user
    page = render_template(
        "pages/device_consent.html",
        code=user_codes.read(_typed()),
        typed=request.method == "POST",
        client=client,
        document_host=consent_rows.document_host(client),
        user=user,
        initials=consent_rows.initials(client.name),
        owner=users.find(client.owner_id) if client.owner_id else None,
        waiting=waiting,
        device=user_agents.describe(waiting.user_agent),
        elsewhere=waiting.ip != context.current().ip,
        groups=consent_rows.grouped(offered),
        shown=consent_rows.shown(offered),
        targets=consent_rows.names(waiting.resources),
        offline=any(row.name == scopes.OFFLINE for row in offered),
        keeps_access=client.may_use("refresh_token"),
        lasts=consent_rows.lasting(client, waiting.resources),
        problem=problem,
    )
    return make_response(page, 422 if problem else 200)


def _form(problem: str, status: int = 200) -> Response:
    return make_response(render_template("pages/device.html", typed=_typed()[:40], problem=problem), status)


def _problem(problem: WrongCode | RateLimited | Answered) -> Response:
    if isinstance(problem, Answered):
        return _closed("Already answered", f"Your first answer stays good. {CLOSE}", "clock", problem.status)
    response = _form(problem.public, problem.status)
    if isinstance(problem, RateLimited):
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _done(client: ClientFacts, *, allowed: bool) -> Response:
    if allowed:
        return _closed("Your device is signed in", f"{_named(client)} goes on by itself. {CLOSE}", "check")
    return _closed("Not allowed", f"Nothing was shared with {_named(client)}. {CLOSE}", "x")


def _named(client: ClientFacts) -> str:
    return consent_rows.document_host(client) or client.name


def _closed(title: str, message: str, icon: str, status: int = 200) -> Response:
    return make_response(render_template("pages/device_done.html", title=title, message=message, icon=icon), status)
