"""A URL as client_id, before an authorization request is read (draft-ietf-oauth-client-id-metadata-document)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, make_response, redirect, request, url_for

from authserver.config import Settings
from authserver.domain.clients import client_id_metadata as documents
from authserver.domain.clients.client_id_metadata import NotDescribed
from authserver.edge import current_user, return_path
from authserver.oauth import prompt
from authserver.oauth.authorization_parameters import Parameters

MAX_QUERY = 8_000
_FIRST = "This app has to be looked up, and that is done for people who are signed in."


def is_on(settings: Settings) -> bool:
    """Whether URLs are client ids here."""
    return settings.cimd == "on"


def described(_settings: Settings) -> dict[str, Any]:
    """Its member of the metadata."""
    return {"client_id_metadata_document_supported": True}


def before(sent: Parameters) -> Response | None:
    """Have the document at hand that a request needs; the step that comes first, if one does. Raises NotDescribed.

    Nothing is fetched for a stranger (contract 11.28): who is not signed in does that first, and comes back here.
    """
    url = sent.get("client_id") or ""
    if not documents.is_url(url) or documents.is_fresh(url):
        return None
    if request.method == "POST":  # another site's form, which brings no cookies: by GET they come along
        return _to(url_for("authorization.begin") + "?" + _query(sent))
    found = current_user.signed_in()
    if found is not None:
        documents.look_up(url, found.user.id)
        return None
    if wrong := documents.problem(url):
        raise NotDescribed(wrong)
    back = f"{request.path}?{request.query_string.decode('latin-1')}"
    if prompt.is_silent(sent.get("prompt")) or return_path.safe(back) != back:
        raise NotDescribed(f"{_FIRST} Sign in here, then start again from the app.")
    return _to(url_for("login.show", next=back))


def _query(sent: Parameters) -> str:
    query = urlencode(sent.values, doseq=True)
    if len(query) > MAX_QUERY:
        raise NotDescribed("The request is too long. Send it by GET, with a shorter state.")
    return query


def _to(location: str) -> Response:
    answer: Any = redirect(location, 303)  # werkzeug's type is wider than Flask's
    return make_response(answer)
