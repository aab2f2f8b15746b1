"""/refused/<request id>: where `error_uri` leads: the explanation for who may read it, a neutral page for others."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from authserver.domain.insight import refusals
from authserver.domain.insight.refusals import Viewer
from authserver.edge import current_user
from authserver.errors import NotFound

blueprint = Blueprint("refused", __name__)


@blueprint.get("/refused/<request_id>")
def show(request_id: str) -> Any:
    """The owner of the app goes on to the explanation; strangers learn not even whether there is one."""
    found = current_user.signed_in()
    request_id = request_id.replace("\0", "")[:40]
    if found is not None:
        try:
            refusals.get(Viewer(user=found.user), request_id)
        except NotFound:
            pass
        else:
            return redirect(url_for("errors.show", request_id=request_id), 303)
    return render_template("pages/refused.html", signed_in=found is not None, refused_id=request_id)
