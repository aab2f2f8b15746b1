"""/demo/webhook-inbox: the demo's own webhook receiver, and what arrived there."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from authserver.domain.demo import inbox as webhook_inbox
from authserver.edge import csrf

blueprint = Blueprint("demo_inbox", __name__)
csrf.exempt.add("demo_inbox.receive")  # a program calls it; it reads no cookie and changes nothing but the list


@blueprint.get(webhook_inbox.PATH)
def show() -> str:
    """What arrived. Registered in the demo alone, which listens on this machine alone."""
    return render_template("pages/demo_inbox.html", arrivals=webhook_inbox.recent())


@blueprint.post(webhook_inbox.PATH)
def receive() -> tuple[str, int]:
    """Take an event as a receiver should: check the raw body first, answer quickly."""
    found = webhook_inbox.take(request.get_data(cache=False), dict(request.headers))
    return ("", 204) if found.genuine else ("The signature does not fit.\n", 401)
