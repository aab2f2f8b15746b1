"""/kept-form/<id>: back to a form that was filled in when the session ran out (contract 11.50)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect

from authserver.domain.people import kept_forms as forms
from authserver.edge import browser, current_user, kept_forms
from authserver.errors import NotFound

blueprint = Blueprint("kept_form", __name__)


@blueprint.get("/kept-form/<kept_id>")
@current_user.require_user
def show(kept_id: str) -> Any:
    """To its page, for who filled it in, in the same browser; to anybody else it is nothing."""
    found = forms.find(kept_id, current_user.me().user.id, browser.mark())
    if found is None:
        raise NotFound("There is no form of yours here. One is kept for 30 minutes, in the browser that sent it.")
    return redirect(kept_forms.address(kept_id, found), 303)
