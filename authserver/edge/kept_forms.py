"""A form whose session ran out is there again, filled, once its person is signed in again (contract 11.50).

Nothing is sent by itself: the page of the form is answered as ever, with what was typed written into it on the way out.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from authserver.domain.people import kept_forms
from authserver.domain.people.kept_forms import Kept
from authserver.edge import browser, current_user, filled_forms, one_shot, return_path

# Where forms stand that do not stand on the page of their own path, or the next one above it.
pages: dict[str, Callable[[], str]] = {}
# How one gets to such a form again, where that is not by the sign-in page straight to it.
ways: dict[str, Callable[[], Response]] = {}


def init_app(app: Flask) -> None:
    """Write what was kept into the pages that ask for it."""
    app.after_request(fill)


def keep(endpoint: str, user_id: str, *, but: str) -> Response:
    """Keep the form of this request, without its token (`but`); the way to sign in and back to it."""
    typed = [
        (name, text) for name, texts in request.form.lists() for text in texts if name not in {but, one_shot.FIELD}
    ]
    fields, left_out = kept_forms.without_secrets(typed)
    page = return_path.own(pages[endpoint]()) if endpoint in pages else current_user.nearest_page(request.path)
    form = Kept(request.script_root + request.path, page, fields, left_out)
    id = kept_forms.keep(user_id, browser.mark(), form)
    if endpoint in ways:
        return ways[endpoint]()
    way = url_for("kept_form.show", kept_id=id)
    to: Response = redirect(way, 303) if current_user.signed_in() else current_user.to_sign_in(way)
    return to


def waiting_for(next: str) -> str:
    """The address of who filled in the form that `next` leads to, if it was filled in here; else nothing."""
    lapsed = current_user.lapsed()
    id = next.rpartition("/")[2]
    if lapsed is None or urlsplit(next).path != return_path.own(url_for("kept_form.show", kept_id=id)):
        return ""
    return lapsed.user.email if kept_forms.waits(id, lapsed.user.id, browser.mark()) else ""


def address(id: str, form: Kept) -> str:
    """The page of a form that was kept, to be filled in."""
    page = return_path.address(form.page)
    return f"{page}{'&' if '?' in page else '?'}{current_user.KEPT}={id}"


def expect(name: str, value: str) -> None:
    """Have this page filled in with the form that was sent to its address with this value, if there is one."""
    path = request.script_root + request.path
    g.kept_form = kept_forms.search(path, name, value, current_user.me().user.id, browser.mark())


def fill(response: Response) -> Response:
    """The page with its form filled in; where there is no such form any more, one that says so and what was typed."""
    id = request.args.get(current_user.KEPT, "") or g.get("kept_form", "")
    if not id or request.method != "GET" or _leads_on(response):
        return response
    found = current_user.signed_in()
    form = kept_forms.find(id, found.user.id, browser.mark()) if found else None
    if form is None:
        return response
    html = response.get_data(as_text=True) if _is_page(response) else ""
    page = filled_forms.fill(html, form.path, form.fields)
    if page is None and (form.fields or not html):
        return _gone(response.status_code, form)
    note = render_template("layouts/_kept.html", left_out=form.left_out, form_id=page.form_id if page else "")
    response.set_data((page.html if page else html).replace(filled_forms.PLACE, filled_forms.PLACE + note, 1))
    return response


def _is_page(response: Response) -> bool:
    return response.status_code == 200 and response.mimetype == "text/html"


def _leads_on(response: Response) -> bool:
    """Whether another proof is asked for first, past which nothing is carried."""
    return urlsplit(response.headers.get("Location", "")).path.startswith(url_for("login.show"))


def _gone(status: int, form: Kept) -> Response:
    """Nothing to send it to any more: it was deleted, or is this person's no longer."""
    g.pop("any_form_target", None)
    page = render_template("pages/kept_form.html", form=form, page_error=True)
    return make_response(page, status if status >= 400 else 410)


def is_for_signed_in(endpoint: str) -> bool:
    """Whether a view is for signed-in people alone."""
    return endpoint in ways or bool(getattr(current_app.view_functions[endpoint], "for_signed_in", False))
