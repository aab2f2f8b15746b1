"""/demo/logout-receiver: an app's address that hears of sign-outs, and what it heard (Back-Channel Logout 1.0, 2.5)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from authserver.domain.demo import logout_receiver
from authserver.edge import csrf

blueprint = Blueprint("demo_logout", __name__)
csrf.exempt.add("demo_logout.receive")  # a program calls it; it reads no cookie and changes nothing but the list


@blueprint.get(logout_receiver.PATH)
def show() -> Response:
    """What was heard of one sign-in. Registered in the demo alone, which listens on this machine alone."""
    found = logout_receiver.of(request.args.get("sid", ""))
    return jsonify(heard=[{"at": each.at, "client_id": each.client_id, "logout_token": each.token} for each in found])


@blueprint.post(logout_receiver.PATH)
def receive() -> Response:
    """Answer as section 2.8 wants: 200 for a good token, 400 for everything else, and nothing of it is kept."""
    found = logout_receiver.take(request.form.get("logout_token", ""))
    response = Response(
        "" if found else '{"error": "invalid_request"}', 200 if found else 400, mimetype="application/json"
    )
    response.headers["Cache-Control"] = "no-store"
    return response
