"""GET /demo/mail: the demo's inbox; mails leave the demo by no other way."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request

from authserver import config
from authserver.domain.ground import mails
from authserver.edge import headers

blueprint = Blueprint("demo_mail", __name__)
VIEWS = {"html": "HTML", "text": "Text", "source": "Source"}
# Of a mail in its frame: its own colours, and links that lead this window on, but no script and nothing fetched.
_FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-top-navigation-by-user-activation"
)


@blueprint.get("/demo/mail")
def show() -> str:
    """The last mails, to anybody or `to` one; `mail` is open, as `view`. In the demo alone, on this machine alone."""
    to, view = request.args.get("to", ""), request.args.get("view", "html")
    found = mails.recent()
    listed = [each for each in found if to in ("", each.recipient)]
    opened = next((each for each in listed if each.id == request.args.get("mail")), listed[0] if listed else None)
    headers.frame(["'self'"])
    return render_template(
        "pages/demo_mail.html",
        mails=listed, opened=opened, to=to, view=view if view in VIEWS else "html", views=VIEWS,
        everybody=sorted({each.recipient for each in found}), source=mails.source(opened) if opened else "",
    )  # fmt: skip


@blueprint.get("/demo/mail/<mail_id>/html")
def framed(mail_id: str) -> Response:
    """One mail as readers of mail show it, for the frame on the page."""
    found = next((each for each in mails.recent() if each.id == mail_id), None)
    if found is None:
        abort(404)
    page = mails.as_html(config.current(), found.subject, found.body)
    return Response(
        page.replace("<head>", '<head><base target="_top">', 1),
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": _FRAMED, "X-Frame-Options": "SAMEORIGIN"},
    )
