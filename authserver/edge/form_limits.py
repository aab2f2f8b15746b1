"""How much a page reads: as many fields as a form of ours has, however short they are (security.md E20)."""

from __future__ import annotations

from flask import abort, request

# The largest form is an app's: its rows of redirect URIs, origins and contacts, and a tick for each scope.
MAX_FIELDS = 500
MAX_PARAMETERS = 100
# These read strictly, with limits and errors of their own (lib/form_body).
JUDGED_BY_PROTOCOL = ("machine:", "authorization.begin")


def check() -> None:
    """Refuse, before anything is parsed, what no form of ours sends: 260 kB of `a&a&…` cost 200 ms else."""
    if request.endpoint is None or request.endpoint.startswith(JUDGED_BY_PROTOCOL):
        return
    if request.query_string.count(b"&") >= MAX_PARAMETERS:
        abort(414)
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") >= MAX_FIELDS:
        abort(413)


def refuse_files() -> None:
    """No form of ours sends files; forms would read them as fields, of which a guard that reads texts knows nothing."""
    if request.endpoint is None or request.endpoint.startswith(JUDGED_BY_PROTOCOL):
        return
    if request.files:
        abort(415)
