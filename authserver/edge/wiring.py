"""What a request passes before and after a view, wired to the application."""

from __future__ import annotations

from flask import Flask, abort, request
from werkzeug.wrappers import Response

from authserver import commits
from authserver.edge import (
    browser,
    csrf,
    error_pages,
    form_limits,
    headers,
    host,
    kept_forms,
    one_shot,
    page_context,
    person_budget,
    static_files,
)
from authserver.observability import context


def init_app(app: Flask) -> None:
    """Wire the edge: checks before a view, headers and cookies after it."""
    app.before_request(name_route)
    app.before_request(refuse_second_spelling)
    app.before_request(host.check)
    app.before_request(form_limits.check)
    app.before_request(refuse_nul)
    app.before_request(form_limits.refuse_files)
    csrf.init_app(app)
    app.before_request(person_budget.check)
    one_shot.init_app(app)
    page_context.init_app(app)
    error_pages.init_app(app)
    static_files.init_app(app)
    app.after_request(finish)
    dispatch = app.dispatch_request
    app.dispatch_request = lambda: commits.repeated(dispatch)  # type: ignore[method-assign]  # the view alone
    kept_forms.init_app(app)  # after_request runs from the last: the page is whole before its headers are made


def name_route() -> None:
    """Give the log and the metrics the route instead of the path, which may hold a one-time token."""
    if request.url_rule is not None:
        request.environ["authserver.route"] = request.url_rule.rule


def refuse_second_spelling() -> None:
    """Werkzeug drops slashes in front, so `//admin` would be `/admin` under a name that no proxy's rule knows (C25)."""
    if request.environ.get("PATH_INFO", "").startswith("//"):
        abort(404)


def refuse_nul() -> None:
    """Nobody types a NUL, and PostgreSQL keeps none: a page answers it like any other bad request."""
    if request.endpoint is None or request.endpoint.startswith("machine:"):
        return
    if any("\0" in str(value) for value in (request.view_args or {}).values()):
        abort(404)
    request.get_data()  # kept, so that a view which parses the body by itself still finds it
    for fields in (request.args, request.form):
        if any("\0" in name or any("\0" in text for text in texts) for name, texts in fields.lists()):
            abort(400)


def finish(response: Response) -> Response:
    """Headers and the browser cookie on the way out."""
    if request.endpoint and request.endpoint.startswith("machine:"):
        return response
    response.headers.setdefault("X-Request-Id", context.current().request_id)
    return headers.for_pages(browser.send(response))
