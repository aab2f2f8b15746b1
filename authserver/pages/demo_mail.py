"""GET /demo/mail: the demo's mailbox; mails leave the demo by no other way."""

from __future__ import annotations

from flask import Blueprint, render_template

from authserver.domain.ground import mails

blueprint = Blueprint("demo_mail", __name__)


@blueprint.get("/demo/mail")
def show() -> str:
    """The last mails to anybody. Registered in the demo alone, which listens on this machine alone."""
    return render_template("pages/demo_mail.html", mails=mails.recent())
