"""/: what happened lately, and what to do next (ux.md 2.12, top)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, url_for

from authserver.domain.ground import lists
from authserver.domain.insight import audit_search, audit_sentences, overview
from authserver.domain.insight.overview import Overview
from authserver.domain.running import readiness
from authserver.edge import current_user
from authserver.lib import durations

blueprint = Blueprint("overview", __name__)
EVENTS = 6


@blueprint.get("/")
@current_user.require_user
def show() -> str:
    """Figures, recent events, and for administrators what is missing for production."""
    me = current_user.me().user
    figures = overview.of(me)
    events = audit_search.latest(audit_search.Wanted(visible_to=None if me.is_admin else me.id), limit=EVENTS)
    items = readiness.checklist() if me.is_admin else ()
    return render_template(
        "dashboard/overview/show.html",
        first_name=(me.name.split() or me.email.split("@"))[0],
        figures=figures,
        stats=_stats(figures),
        points=[count for _, count in figures.per_day],
        labels=[*(_day(at) for at, _ in figures.per_day[:-1]), "Today"],
        events=audit_sentences.for_viewer(events, me),
        broken=overview.broken_webhooks(me.id),
        items=items,
        done=sum(item.done for item in items),
        cli=f'authserver client create --owner {me.email} --name "My app" --redirect-uri http://127.0.0.1/callback',
    )


def _stats(figures: Overview) -> list[dict[str, Any]]:
    failed = url_for("audit_log.index", group="sign_ins", result="refused")
    sample = "with sample data" if figures.samples_today else ""
    return [
        {"label": "Tokens issued, 24 h", "value": f"{figures.tokens:,}", **_change(figures, sample)},
        {"label": "Checks answered, 24 h", "value": f"{figures.checks:,}", "sub": sample or "introspections"},
        {"label": "Failed sign-ins, 24 h", "value": lists.in_words(figures.failed_sign_ins),
         "href": failed if figures.failed_sign_ins else "", "sub": "wrong passwords"},
        {"label": "Refused requests, 24 h", "value": f"{figures.refusals:,}",
         "href": url_for("errors.index") if figures.refusals else "", "sub": "of apps and keys"},
    ]  # fmt: skip


def _change(figures: Overview, sample: str) -> dict[str, str]:
    """Today beside yesterday, in percent."""
    if not figures.tokens_before:
        return {"sub": sample or "none the day before"}
    change = round(100 * (figures.tokens - figures.tokens_before) / figures.tokens_before)
    sign = "+" if change > 0 else "−" if change < 0 else "±"
    return {
        "sub": f"{sign}{abs(change)} %{', ' + sample if sample else ' on the day before'}",
        "tone": "ok" if change > 0 else "",
    }


def _day(at: int) -> str:
    return durations.absolute(at).partition(",")[0].rpartition(" ")[0]
