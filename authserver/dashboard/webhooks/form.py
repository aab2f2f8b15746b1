"""The form of a webhook: /webhooks/new with a test before saving, /webhooks/<id>/edit (ux.md 2.10)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, RadioField, SelectMultipleField, StringField

from authserver.domain.access import roles
from authserver.domain.record import outbox
from authserver.domain.webhooks import deliveries as webhook_deliveries
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import secrets as webhook_secrets
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.domain.webhooks.endpoints import WebhookEndpoint
from authserver.domain.webhooks.wishes import Wish
from authserver.edge import current_user, one_shot
from authserver.edge.choices import SelectChoice
from authserver.errors import Invalid, NotFound

blueprint = Blueprint("webhooks_form", __name__)
ALL, SOME = "all", "some"
MAX_ROWS = 11


class WebhookForm(FlaskForm):
    """Texts as typed; `wish` turns them into what the domain understands."""

    name = StringField("Name")
    url = StringField("URL")
    which = RadioField(
        "Events",
        default=ALL,
        choices=[SelectChoice(ALL, "All events"), SelectChoice(SOME, "Only some")],
        validate_choice=False,
    )
    events = SelectMultipleField(
        "Choose events",
        choices=[SelectChoice(each, outbox.EVENTS[each].title) for each in outbox.EVENTS],
        validate_choice=False,
    )
    everybody = BooleanField("Events of everybody", default=True)
    headers = FieldList(StringField(), "Header", max_entries=MAX_ROWS)
    secret = StringField("Your own secret")

    def wants_row(self) -> bool:
        """Whether the button for another row was pressed, without script."""
        return request.form.get("add_row") == self.headers.name

    def wish(self, *, active: bool = True) -> Wish:
        """What the person asked for."""
        chosen = (outbox.ALL,) if self.which.data == ALL else tuple(self.events.data or ())
        return Wish(
            name=self.name.data or "",
            url=(self.url.data or "").strip(),
            events=chosen,
            active=active,
            everybody=bool(self.everybody.data),
            headers=webhook_wishes.parse_headers(self.headers.data or ()),
        )

    def typed_secret(self) -> str:
        """The secret the person brings along, if any."""
        return (self.secret.data or "").strip()

    def take(self, refused: Invalid) -> None:
        """Put the sentences of the domain beside the fields."""
        for field, sentence in refused.problems.items():
            self[field].errors = [sentence]
        for entry in self.headers.entries if "headers" in refused.problems else ():
            if problem := webhook_wishes.headers_problem(webhook_wishes.parse_headers([entry.data or ""])):
                entry.errors = [problem]
        if not refused.problems:
            self.form_errors.append(refused.public)


def _is_sensitive(webhook_id: str = "") -> bool:
    """Whether this is, or may become, a webhook of everybody's events, an administrator's; or has headers of its own.

    Receivers' secrets are in those: the form shows them, and another address would be sent them.
    """
    row = _mine(webhook_id) if webhook_id else None
    if row is not None and row.headers_sealed is not None:
        return True
    hears = "everybody" in request.form if request.method == "POST" else True
    return current_user.me().user.is_admin and (hears or bool(row and row.everybody))


@blueprint.get("/webhooks/new")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent_if(_is_sensitive)
def show() -> str:
    """An empty form."""
    return _page(WebhookForm())


@blueprint.post("/webhooks/new")
@current_user.require_user
@current_user.require_developer
@current_user.require_recent_if(_is_sensitive)
def create() -> Any:
    """Save the webhook and show its secret, once, in this answer; or have a test sent first."""
    form = WebhookForm()
    if form.wants_row():
        return _page(form)
    if request.form.get("action") == "test":
        return _test(form)
    if request.form.get("action") == "look":
        return _page(form, test=_result())
    try:
        webhook_wishes.validate(form.wish(), form.typed_secret())
        if not one_shot.spend():
            return render_template("dashboard/webhooks/already_shown.html"), 409
        row, secret = webhook_endpoints.create(current_user.me().user, form.wish(), secret=form.typed_secret())
    except Invalid as refused:
        form.take(refused)
        return _page(form), 422
    return render_template("dashboard/webhooks/secret.html", hook=row, secret=secret, rolled=False)


@blueprint.get("/webhooks/<webhook_id>/edit")
@current_user.require_user
@current_user.require_recent_if(_is_sensitive)
def edit(webhook_id: str) -> str:
    """The form with what is set now."""
    row = _mine(webhook_id)
    every = outbox.ALL in row.events
    form = WebhookForm(
        name=row.name,
        url=row.url,
        which=ALL if every else SOME,
        events=[] if every else row.events,
        everybody=row.everybody,
        headers=[f"{name}: {value}" for name, value in webhook_secrets.headers(row).items()],
    )
    return _page(form, hook=row)


@blueprint.post("/webhooks/<webhook_id>/edit")
@current_user.require_user
@current_user.require_recent_if(_is_sensitive)
def save(webhook_id: str) -> Any:
    """Change it; the secret stays."""
    row, form = _mine(webhook_id), WebhookForm()
    if form.wants_row():
        return _page(form, hook=row)
    if form.wish().url != row.url:
        roles.require_developer(current_user.me().user.role)  # it would be another webhook
    try:
        webhook_endpoints.revise(row.owner_id, row.id, form.wish(active=row.stopped_at is None))
    except Invalid as refused:
        form.take(refused)
        return _page(form, hook=row), 422
    flash("Saved. Events go to the new settings from now on.", "ok")
    return redirect(url_for("webhooks.show", webhook_id=row.id), 303)


def _test(form: WebhookForm) -> Any:
    """Hand the test to the worker: no request of a person waits for somebody's server."""
    try:
        row, delivery_id = webhook_endpoints.draft(current_user.me().user, form.wish(), secret=form.typed_secret())
    except Invalid as refused:
        form.take(refused)
        return _page(form), 422
    return _page(form, test=webhook_deliveries.looked_for(row.owner_id, row.id, delivery_id, drafts=True))


def _result() -> webhook_deliveries.Delivery | None:
    draft_id, _, delivery_id = request.form.get("tested", "").partition(":")
    try:
        return webhook_deliveries.looked_for(current_user.me().user.id, draft_id, delivery_id, drafts=True)
    except NotFound:
        return None  # it is gone after an hour


def _mine(webhook_id: str) -> WebhookEndpoint:
    return webhook_endpoints.get(current_user.me().user.id, webhook_id)


def _page(
    form: WebhookForm, *, hook: WebhookEndpoint | None = None, test: webhook_deliveries.Delivery | None = None
) -> str:
    return render_template(
        "dashboard/webhooks/form.html",
        form=form,
        form_errors=form.errors,
        hook=hook,
        test=test,
        groups=outbox.GROUPS,
        kinds=outbox.EVENTS,
        examples={each: outbox.example(each) for each in outbox.EVENTS},
    )
