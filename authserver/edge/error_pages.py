"""Errors as pages: one translation for domain errors, HTTP errors and whatever nobody expected."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from authserver.edge import browser, headers, machine
from authserver.errors import DomainError, RateLimited, Unavailable
from authserver.observability import context, logs

# Below these paths programs ask, not people.
MACHINE_PATHS = ("/.well-known/", "/oauth/token", "/oauth/introspect", "/v1/", "/gateway/")


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(DomainError, on_domain_error)
    app.register_error_handler(HTTPException, on_http_error)
    app.register_error_handler(SQLAlchemyError, on_database_error)
    app.register_error_handler(Exception, on_anything_else)


def on_domain_error(error: DomainError) -> Response:
    """The public text to the caller, the detail to the log."""
    context.current().log["error"] = error.detail
    retry_after = getattr(error, "retry_after", 0) if isinstance(error, (RateLimited, Unavailable)) else 0
    return page(error.status, message=error.public, retry_after=retry_after)


def on_http_error(error: HTTPException) -> Response:
    """400, 404, 405, 413 and their kin."""
    if g.get("csrf_refused") and not browser.sends_cookies():
        text = "Allow cookies for this site, then reload the page and send the form again."
        return page(400, title="Your browser sends no cookies", message=text)
    if g.get("csrf_refused"):
        return page(400, title="This form has expired", message="Go back, reload the page and send it again.")
    response = page(error.code or 500)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def on_database_error(error: SQLAlchemyError) -> Response:
    """503 while the database does not answer."""
    refusal = machine.database_failure(error)
    return page(refusal.status, retry_after=refusal.retry_after) if refusal else page(500)


def on_anything_else(error: Exception) -> Response:
    """The last resort: logged with its traceback, shown without it."""
    logs.failure("unhandled_error", error)
    return page(500)


def page(status: int, **values: Any) -> Response:
    """An error page, or JSON where programs ask; if even that fails, plain text."""
    retry_after = int(values.get("retry_after") or 0)
    if request.path.startswith(MACHINE_PATHS) or (request.url_rule is None and request.path.startswith("/oauth/")):
        description = {"error_description": values["message"]} if values.get("message") else {}
        response = make_response(jsonify(error=_code(status), **description), status)
        response.headers["Content-Security-Policy"] = headers.MACHINE_CSP
    else:
        response = _rendered(status, values)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _rendered(status: int, values: dict[str, Any]) -> Response:
    try:
        return make_response(render_template("errors/error.html", status=status, page_error=True, **values), status)
    except Exception as failure:  # the database may be gone, and the page wants to know who is signed in
        logs.failure("error_page_failed", failure, level="warning")
        g.signed_in = None
        try:
            return make_response(render_template("errors/error.html", status=status, page_error=True, **values), status)
        except Exception:
            text = f"Error {status}. Request {context.current().request_id}\n"
            return Response(text, status, content_type="text/plain; charset=utf-8")


def _code(status: int) -> str:
    return {404: "not_found", 503: "temporarily_unavailable"}.get(
        status, "server_error" if status >= 500 else "invalid_request"
    )
