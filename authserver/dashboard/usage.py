"""/usage: how the limits stand, what was refused, and how to raise or lower one (ux.md 2.12)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from authserver import config
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.demo import seeding
from authserver.domain.ground import lists
from authserver.domain.insight import limits_in_use
from authserver.domain.limits import rate_limits
from authserver.edge import current_user, paging
from authserver.errors import Invalid
from authserver.lib import durations

blueprint = Blueprint("usage", __name__, url_prefix="/usage")


@blueprint.get("")
@current_user.require_user
def show() -> str:
    """The limits of this person's keys and apps; everybody's for an administrator."""
    me = current_user.me().user
    report = limits_in_use.report(me, **paging.asked())
    return render_template(
        "dashboard/usage/show.html",
        report=report,
        stats=_stats(report),
        points=[count for _, count in report.per_day],
        labels=[*(_day(at) for at, _ in report.per_day[:-1]), "Today"],
    )


@blueprint.get("/keys/<key_id>")
@current_user.require_user
def edit_limit(key_id: str) -> Any:
    """The limit of one key, to be changed; the address may fill it in, after a detour to the password."""
    asked = request.args.get("rate_limit", "").strip()[:100]
    return _form(_visible(key_id), value=asked or None)


def _raises(key_id: str) -> bool:
    """Whether more is asked for than the key may send now: a low limit is what keeps a key from making others."""
    key, wanted = _visible(key_id), _asked()
    if wanted and not config.is_rate_limit(wanted):
        return False
    ours = config.current().rate_limit_api_key
    return not rate_limits.within(wanted or ours, key.rate_limit or ours)


def _again(key_id: str) -> str:
    return url_for("usage.edit_limit", key_id=key_id, rate_limit=_asked() or None)


def _asked() -> str:
    return request.form.get("rate_limit", "").strip()[:100]


@blueprint.post("/keys/<key_id>")
@current_user.require_user
@current_user.require_recent_if(_raises, back=_again)
def save_limit(key_id: str) -> Any:
    """The new limit counts from now on, what was used before included."""
    key, text = _visible(key_id), _asked()
    try:
        api_keys.set_limit(key.owner_id, key.id, text or None, beyond=current_user.me().user.is_admin)
    except Invalid as refused:
        return _form(key, value=text, error=refused.public), 422
    flash(f"{key.name} may send {_in_words(text or config.current().rate_limit_api_key)}. It counts from now on.", "ok")
    return redirect(url_for("usage.show"), 303)


@blueprint.post("/samples/remove")
@current_user.require_admin
def remove_samples() -> Any:
    """Take away the figures that the demo made up; what was counted stays."""
    removed = seeding.remove_sample()
    flash("The sample data is gone. From here on all figures are real." if removed else "There was none.", "ok")
    return redirect(url_for("usage.show"), 303)


def _stats(report: limits_in_use.Report) -> list[dict[str, str]]:
    requests, refused = [count for _, count in report.per_day], report.refused
    return [
        {"label": "Keys and apps", "value": lists.in_words(report.total), "sub": "each with limits of its own"},
        {"label": "Requests today", "value": f"{requests[-1]:,}"},
        {"label": f"Requests, {limits_in_use.DAYS} days", "value": f"{sum(requests):,}"},
        {
            "label": "Refused with 429, 24 h",
            "value": f"{refused:,}",
            "sub": "a limit was reached" if refused else "no limit was reached",
            "tone": "warn" if refused else "",
        },
    ]


def _form(key: api_keys.ApiKey, *, value: str | None = None, error: str = "") -> str:
    return render_template(
        "dashboard/usage/limit.html",
        key=key,
        value=key.rate_limit or "" if value is None else value,
        error=error,
        page_error=bool(error),
        default_limit=config.current().rate_limit_api_key,
    )


def _visible(key_id: str) -> api_keys.ApiKey:
    me = current_user.me().user
    return api_keys.get(None if me.is_admin else me.id, key_id)


def _in_words(limit: str) -> str:
    number, _, unit = limit.partition("/")
    return f"{int(number):,} requests {'an' if unit == 'hour' else 'a'} {unit}"


def _day(at: int) -> str:
    return durations.absolute(at).partition(",")[0].rpartition(" ")[0]
