"""/admin/users/import and /admin/users/export.csv: people as lists, in and out; for administrators."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, TextAreaField
from wtforms.validators import InputRequired

from authserver import config
from authserver.domain.ground import lists
from authserver.domain.people import rosters, users
from authserver.domain.people.rosters import Taken
from authserver.edge import current_user, one_shot
from authserver.errors import Invalid
from authserver.lib import rooms

blueprint = Blueprint("admin_users_rosters", __name__)


class ImportForm(FlaskForm):
    """A list of people, pasted."""

    people = TextAreaField("People as CSV", [InputRequired("Paste a list, its first line naming the columns.")])
    by_mail = BooleanField("Mail new people their links")


@blueprint.get("/admin/users/export.csv")
@current_user.require_admin
@current_user.require_recent
def export() -> Response:
    """The people of the list that is shown, as CSV; that they left is an event."""
    rooms.about_to_take_long()
    q, state = request.args.get("q", "")[:100], request.args.get("state", "")
    rosters.note_export(q, state)
    found = lists.every(functools.partial(users.page, q, state=state))
    return Response(
        rosters.written(found),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="people.csv"'},
    )


@blueprint.get("/admin/users/import")
@current_user.require_admin
@current_user.require_recent
def paste() -> str:
    """The form."""
    return _page(ImportForm())


@blueprint.post("/admin/users/import")
@current_user.require_admin
@current_user.require_recent
def take() -> Any:
    """Say what would become of each line; on the second button do it, and show the links, once."""
    form = ImportForm()
    if not form.validate():
        return _page(form), 422
    rooms.about_to_take_long()
    try:
        lines = rosters.read(form.people.data or "")
        take_all = functools.partial(
            rosters.take, lines, by_mail=bool(form.by_mail.data), by_id=current_user.me().user.id
        )
        if "sure" not in request.form:
            return _page(form, list(take_all(dry_run=True)))
        if not one_shot.spend():
            return redirect(url_for("admin_users.index"), 303)
        return _done(list(take_all()))
    except Invalid as refused:
        form.people.errors = _told(refused)
        return _page(form), 422


def _told(refused: Invalid) -> list[str]:
    """What is wrong, of the first lines that are."""
    told = [f"{name.capitalize()}: {sentence}" for name, sentence in refused.problems.items() if name]
    more = [f"And {len(told) - SHOWN:,} more lines."] if len(told) > SHOWN else []
    return [*told[:SHOWN], *more] or [refused.public]


SHOWN = 20


def _page(form: ImportForm, tried: Sequence[Taken] = ()) -> str:
    return render_template(
        "dashboard/admin/users/import.html",
        form=form, tried=tried, counted=_counted(tried), columns=rosters.COLUMNS, mails=config.current().mail,
        form_errors=form.errors,
    )  # fmt: skip


def _done(made: Sequence[Taken]) -> Response:
    page = render_template("dashboard/admin/users/imported.html", made=made, counted=_counted(made))
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _counted(made: Sequence[Taken]) -> dict[str, int]:
    """How many lines came to which result."""
    results = (rosters.CREATED, rosters.CHANGED, rosters.UNCHANGED)
    return {result: sum(each.result == result for each in made) for result in results}
