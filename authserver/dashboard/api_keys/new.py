"""/settings/api-keys/new: the form of a key, and the key itself, once (ux.md 2.6)."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, RadioField, StringField, TextAreaField

from authserver import config
from authserver.domain.access import permissions
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys import wishes as key_wishes
from authserver.domain.api_keys.keys import Wish
from authserver.edge import current_user, one_shot
from authserver.edge.choices import SelectChoice
from authserver.errors import Invalid
from authserver.lib import clock, durations

blueprint = Blueprint("api_keys_new", __name__)
DAY = 86_400
# (value, label, seconds); None asks for more: a date, or a promise.
EXPIRIES = (
    ("7d", "7 days", 7 * DAY),
    ("30d", "30 days", 30 * DAY),
    ("90d", "90 days", 90 * DAY),
    ("1y", "1 year", 365 * DAY),
    ("custom", "On a day I choose", None),
    ("never", "Never", None),
)
MAX_ROWS = 51


class KeyForm(FlaskForm):
    """Texts as typed; `wish` turns them into what the domain understands."""

    name = StringField("Name")
    permission = RadioField("Access", validate_choice=False)
    expires = RadioField("Expires", default="90d", choices=[SelectChoice(name, label) for name, label, _ in EXPIRIES])
    expires_on = StringField("Last day")
    rotate_myself = BooleanField("I'll rotate it myself")
    rate_limit = StringField("Limit")
    allowed_networks = FieldList(StringField(), "Allowed network", max_entries=MAX_ROWS)
    note = TextAreaField("Note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.permission.choices = [SelectChoice(level.name, level.title) for level in permissions.all()]

    def wants_row(self) -> bool:
        """Whether the button for another row was pressed, without script."""
        return request.form.get("add_row") == self.allowed_networks.name

    def wish(self) -> Wish:
        """What the person asked for; only after `validate`."""
        return Wish(
            name=self.name.data or "",
            permission=self.permission.data or "",
            expires_in=self._seconds(),
            note=(self.note.data or "").replace("\r\n", "\n"),
            allowed_networks=self._networks(),
            rate_limit=(self.rate_limit.data or "").strip() or None,
        )

    def validate(self, extra_validators: Any = None) -> bool:
        """Ask the domain, and what only this form can know: the day, the promise, and which row is wrong."""
        super().validate(extra_validators)
        try:
            key_wishes.validate(self.wish(), beyond=current_user.me().user.is_admin)
        except Invalid as refused:
            self.take(refused)
        if self.expires.data == "never" and not self.rotate_myself.data:
            self.rotate_myself.errors = ["Tick this for a key that never expires."]
        for entry in self.allowed_networks.entries:
            if problem := key_wishes.network_problem((entry.data or "").strip()):
                entry.errors = [problem]
                self.allowed_networks.errors = [problem]
        return not self.errors

    def take(self, refused: Invalid) -> None:
        """Put the sentences of the domain beside the fields."""
        for field, sentence in refused.problems.items():
            name = {"expires_in": "expires_on" if self.expires.data == "custom" else "expires"}.get(field, field)
            if name == "allowed_networks" and self._networks() and "at most" not in sentence:
                continue  # said beside the row itself
            self[name].errors = [sentence]
        if not refused.problems:
            self.form_errors.append(refused.public)

    def as_query(self) -> dict[str, Any]:
        """The form as an address, so that it can be filled in again after a detour."""
        fields: dict[str, Any] = {
            name: self[name].data
            for name in ("name", "permission", "expires", "expires_on", "rate_limit", "note")
            if self[name].data
        }
        if self.rotate_myself.data:
            fields["rotate_myself"] = "y"
        return fields | {f"allowed_networks-{number}": text for number, text in enumerate(self._networks())}

    def _networks(self) -> tuple[str, ...]:
        return tuple(text.strip() for text in self.allowed_networks.data if text and text.strip())

    def _seconds(self) -> int | None:
        """Seconds until the end; zero, which the domain refuses, for a day that is none."""
        if self.expires.data == "custom":
            try:
                day = datetime.strptime(self.expires_on.data or "", "%Y-%m-%d").replace(tzinfo=UTC)
            except ValueError:
                return 0
            return int(day.timestamp()) + DAY - clock.now()
        return {name: seconds for name, _, seconds in EXPIRIES}.get(self.expires.data or "", 0)


@blueprint.get("/settings/api-keys/new")
@current_user.require_user
@current_user.require_developer
def show() -> str:
    """The form; the address may fill it in, which is how it survives being asked for the password."""
    return _form(KeyForm(request.args, permission=request.args.get("permission") or permissions.READ_ONLY))


def _is_strong() -> bool:
    """Whether the key that is asked for does everything, or lives long (ASVS 7.5.3)."""
    form = KeyForm()
    if form.wants_row() or not form.validate():
        return False
    wish = form.wish()
    return key_wishes.is_strong(wish.permission, wish.expires_in)


def _filled_in() -> str:
    return url_for("api_keys_new.show", **KeyForm().as_query())


@blueprint.post("/settings/api-keys/new")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent_if(_is_strong, back=_filled_in)
def create() -> Any:
    """Make a key and show it, once, in this answer."""
    form, me = KeyForm(), current_user.me().user
    if form.wants_row():
        return _form(form)
    if not form.validate():
        return _form(form), 422
    wish = form.wish()
    if not one_shot.spend():
        return render_template("dashboard/api_keys/already_shown.html"), 409
    try:
        key, value = api_keys.create(me, wish)
    except Invalid as refused:
        form.take(refused)
        return _form(form), 422
    return render_template("dashboard/api_keys/created.html", key=key, value=value, old=None)


def _form(form: KeyForm) -> str:
    return render_template(
        "dashboard/api_keys/new.html",
        form=form,
        form_errors=form.errors,
        access=permissions.explained(current_user.me().user.role),
        expiries={name: {"hint": _until(seconds)} for name, _, seconds in EXPIRIES if seconds},
        default_limit=config.current().rate_limit_api_key,
        cli_owner=shlex.quote(current_user.me().user.email),
    )


def _until(seconds: int) -> str:
    return f"Until {durations.absolute(clock.now() + seconds).partition(',')[0]}"
