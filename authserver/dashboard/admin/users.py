"""/admin/users: who has an account; for administrators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, RadioField, StringField
from wtforms.validators import InputRequired

from authserver import database
from authserver.domain.access import roles
from authserver.domain.people import addresses, departures, links, names, sessions, standard_claims, users
from authserver.domain.people.users import User
from authserver.edge import current_user, one_shot, paging
from authserver.edge.choices import SelectChoice
from authserver.errors import Conflict, DomainError, Invalid

blueprint = Blueprint("admin_users", __name__)
NAMES = ("given_name", "family_name", "name", "username")
ROLES = [SelectChoice(name, role.title) for name, role in roles.ROLES.items()]


class UserForm(FlaskForm):
    """A new account; its person chooses the password."""

    email = EmailField("Email", [InputRequired("Enter an email.")])
    given_name = StringField("Given name")
    family_name = StringField("Family name")
    name = StringField("Name to show")
    username = StringField("Username")
    role = RadioField("Role", choices=ROLES, default="user")
    email_verified = BooleanField("I know that this address is theirs")
    by_mail = BooleanField("Mail them the link")


class NamesForm(FlaskForm):
    """What a person is called, by people and by apps."""

    given_name = StringField("Given name")
    family_name = StringField("Family name")
    name = StringField("Name to show")
    username = StringField("Username", [InputRequired("Enter a username.")])


class StandingForm(FlaskForm):
    """What a person may do, and whether their address is known to be theirs."""

    role = RadioField("Role", choices=ROLES)
    email_verified = BooleanField("I know that this address is theirs")


class EmailForm(FlaskForm):
    """Another address for an account."""

    email = EmailField("Email", [InputRequired("Enter an email.")])


@blueprint.get("/admin/users")
@current_user.require_admin
def index() -> str:
    """Everybody who isn't deleted, newest first, or those in a state."""
    q, state = request.args.get("q", "")[:100], request.args.get("state", "")
    state = state if state in users.STATES else ""
    rows, total = users.page(q, state=state, **paging.asked())
    return render_template(
        "dashboard/admin/users/index.html", users=rows, total=total, q=q, state=state,
        states=(("", "All"), *((each, each.capitalize()) for each in users.STATES)),
    )  # fmt: skip


@blueprint.get("/admin/users/new")
@current_user.require_admin
@current_user.require_recent
def new() -> str:
    """The form."""
    return _form_page(UserForm())


@blueprint.post("/admin/users/new")
@current_user.require_admin
@current_user.require_recent
def create() -> Any:
    """Make the account and show its one-time link, once."""
    form = UserForm()
    if not form.validate():
        return _form_page(form), 422
    if not one_shot.spend():
        return redirect(url_for("admin_users.index"), 303)
    try:
        names = {name: form[name].data or "" for name in NAMES}
        verified = bool(form.email_verified.data)
        by_mail, role = bool(form.by_mail.data), form.role.data or "user"
        user, link = users.invite(form.email.data or "", role=role, verified=verified, by_mail=by_mail, **names)
    except (Invalid, Conflict) as refused:
        _put(form, refused)
        return _form_page(form), 422
    if not link:
        flash("The account is there, and its one-time link is on its way to its person.")
        return redirect(url_for("admin_users.show", user_id=user.id), 303)
    return _link_page(user, link, created=True)


@blueprint.get("/admin/users/<user_id>")
@current_user.require_admin
def show(user_id: str) -> str:
    """One person."""
    return _detail_page(user_id)


@blueprint.post("/admin/users/<user_id>/names")
@current_user.require_admin
@current_user.require_recent
def change_names(user_id: str) -> Any:
    """Call the person something else."""
    form = NamesForm()
    if not form.validate():
        return _detail_page(user_id, names=form), 422
    try:
        with database.together():
            names.set_username(user_id, form.username.data or "")
            names.rename(user_id, **{name: form[name].data or "" for name in NAMES if name != "username"})
    except (Invalid, Conflict) as refused:
        _put(form, refused)
        return _detail_page(user_id, names=form), 422
    flash("The names are changed. Nobody else ever gets the username of before.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.post("/admin/users/<user_id>/email")
@current_user.require_admin
@current_user.require_recent
def change_email(user_id: str) -> Any:
    """Give the account another address; the old one gets a mail."""
    form = EmailForm()
    if not form.validate():
        return _detail_page(user_id, form), 422
    try:
        addresses.change_email(user_id, form.email.data or "")
    except (Invalid, Conflict) as refused:
        _put(form, refused)
        return _detail_page(user_id, form), 422
    flash("The email is changed. Links made for the old one no longer work.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.post("/admin/users/<user_id>/standing")
@current_user.require_admin
@current_user.require_recent
def change_standing(user_id: str) -> Any:
    """Give the person another role, or say that their address is theirs."""
    form = StandingForm()
    if not form.validate():
        return _detail_page(user_id, standing=form), 422
    with database.together():
        users.set_role(user_id, form.role.data or "", by_id=current_user.me().user.id)
        addresses.set_email_verified(user_id, bool(form.email_verified.data))
    flash("Saved.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.get("/admin/users/<user_id>/link")
@current_user.require_admin
@current_user.require_recent
def ask_link(user_id: str) -> str:
    """Say what the link does."""
    return render_template("dashboard/admin/users/ask_link.html", user=users.get(user_id))


@blueprint.post("/admin/users/<user_id>/link")
@current_user.require_admin
@current_user.require_recent
def make_link(user_id: str) -> Any:
    """Make a one-time link and show it, once."""
    if not one_shot.spend():
        return redirect(url_for("admin_users.show", user_id=user_id), 303)
    return _link_page(users.get(user_id), links.access_link(user_id), created=False)


@blueprint.post("/admin/users/<user_id>/reset-mail")
@current_user.require_admin
def mail_reset(user_id: str) -> Any:
    """Mail a reset link; nobody here sees it."""
    links.mail_reset(user_id)
    flash("The link is on its way. It works once, for 30 minutes.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.get("/admin/users/<user_id>/disable")
@current_user.require_admin
@current_user.require_recent
def ask_disable(user_id: str) -> str:
    """Name the consequence first."""
    users.require_other(current_user.me().user.id, user_id, "disable your own account")
    return render_template(
        "dashboard/admin/users/ask_disable.html", user=users.get(user_id), sessions=len(sessions.list_for(user_id))
    )


@blueprint.post("/admin/users/<user_id>/disable")
@current_user.require_admin
@current_user.require_recent
def disable(user_id: str) -> Any:
    """Stop an account everywhere at once."""
    users.disable(user_id, by_id=current_user.me().user.id)
    flash("The account is disabled. Its sessions have ended, and its apps and keys have stopped.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.post("/admin/users/<user_id>/enable")
@current_user.require_admin
@current_user.require_recent
def enable(user_id: str) -> Any:
    """Let the person in again."""
    users.enable(user_id)
    flash("The account is enabled. Its person has to sign in again.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.post("/admin/users/<user_id>/unlock")
@current_user.require_admin
def unlock(user_id: str) -> Any:
    """Forget failed sign-ins."""
    users.unlock(user_id)
    flash("Failed sign-ins are forgotten. The person can try again at once.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


@blueprint.post("/admin/users/<user_id>/end-sessions")
@current_user.require_admin
def end_sessions(user_id: str) -> Any:
    """Sign the person out everywhere."""
    count = sessions.end_all(users.get(user_id).id)
    flash(f"{count} session{'' if count == 1 else 's'} ended.")
    return redirect(url_for("admin_users.show", user_id=user_id), 303)


def _put(form: FlaskForm, refused: DomainError) -> None:
    """Say a refusal beside its field; one about no field is a page of its own."""
    if refused.field not in form:
        raise refused
    form[refused.field].errors = [refused.public]


def _form_page(form: UserForm) -> str:
    return render_template("dashboard/admin/users/new.html", form=form, roles=roles.ROLES, form_errors=form.errors)


def _detail_page(
    user_id: str, form: EmailForm | None = None, names: NamesForm | None = None, standing: StandingForm | None = None
) -> str:
    user = users.get(user_id)
    proven = user.email_verified_at is not None
    standing = standing or StandingForm(formdata=None, role=user.role, email_verified=proven)
    form = form or EmailForm(formdata=None, email=user.email)
    called = {name: user.chosen_name if name == "name" else getattr(user, name) for name in NAMES}
    names = names or NamesForm(formdata=None, **called)
    return render_template(
        "dashboard/admin/users/show.html",
        user=user,
        sessions=len(sessions.list_for(user_id)),
        form=form,
        names=names,
        standing_form=standing,
        claims=standard_claims.labelled(user.standard_claims),
        roles=roles.ROLES,
        erased_at=departures.erased_at(user),
        restored=departures.RESTORED[departures.restored_state(user)] if user.deleted_at else "",
        form_errors=form.errors or names.errors or standing.errors,
    )


def _link_page(user: User, link: str, *, created: bool) -> str:
    return render_template("dashboard/admin/users/link.html", user=user, link=link, created=created)
