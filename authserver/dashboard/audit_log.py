"""/audit: who did what, when, from where, and that nobody changed it since (ux.md 2.9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, render_template, request

from authserver.domain.insight import audit_search, audit_sentences
from authserver.domain.insight.audit_search import Wanted
from authserver.domain.record import audit
from authserver.edge import current_user, paging
from authserver.errors import NotFound
from authserver.lib import clock, csv_cells, rooms

blueprint = Blueprint("audit_log", __name__)
DAY = 86_400
RESULTS = (("", "Any"), ("ok", "Done"), ("refused", "Refused"))
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
COLUMNS = (
    "seq", "time", "type", "actor", "target", "owner_id", "client_id", "result", "reason", "ip", "user_agent",
    "request_id", "data", "prev_hash", "hash",
)  # fmt: skip


@blueprint.get("/audit")
@current_user.require_user
def index() -> str:
    """The person's own history with that of their apps and keys; everybody's for administrators."""
    me = current_user.me().user
    wanted = _wanted()
    events, total = audit_search.page(wanted, **paging.asked())
    told = audit_sentences.for_viewer(events, me)
    return render_template(
        "dashboard/audit_log/index.html",
        events=told,
        rows=events,
        browsers=audit_sentences.browsers(told),
        total=total,
        wanted=wanted,
        asked=_asked(),
        groups=[("", "All events"), *((name, label) for name, (label, _) in audit_sentences.GROUPS.items())],
        results=RESULTS,
        verified=audit.last_verified(),
    )


@blueprint.get("/audit/export.<ending>")
@current_user.require_admin
@current_user.require_recent
def export(ending: str) -> Response:
    """The filtered events as CSV or JSON lines, oldest first; that they left is an event, too."""
    if ending not in FORMATS:
        raise NotFound("There is no such export.")
    rooms.about_to_take_long()
    wanted = _wanted()
    audit_search.note_export(ending, _asked())
    write = _csv if ending == "csv" else _jsonl
    name = f"audit-{datetime.fromtimestamp(clock.now(), UTC):%Y%m%d-%H%M%S}.{ending}"
    return Response(
        write(audit_search.export(wanted)),
        content_type=FORMATS[ending],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _asked() -> dict[str, str]:
    """The filters of the address, for links; empty ones and unknown names are left out."""
    found = {name: request.args.get(name, "").strip()[:140] for name in ("group", "result", "from", "to", "about")}
    if found["group"] not in audit_sentences.GROUPS:
        found["group"] = ""
    if found["result"] not in audit_search.RESULTS:
        found["result"] = ""
    for name in ("from", "to"):
        found[name] = found[name] if _midnight(found[name]) is not None else ""
    return {name: value for name, value in found.items() if value}


def _wanted() -> Wanted:
    me, asked = current_user.me().user, _asked()
    until = _midnight(asked.get("to", ""))
    return Wanted(
        visible_to=None if me.is_admin else me.id,
        group=asked.get("group", ""),
        result=asked.get("result", ""),
        since=_midnight(asked.get("from", "")),
        until=None if until is None else until + DAY,
        about=asked.get("about", ""),
    )


def _midnight(text: str) -> int | None:
    """The start of a day given as 2026-11-24, in UTC."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _rows(events: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for event in events:
        at = datetime.fromtimestamp(event["at_us"] / 1_000_000, UTC).isoformat(timespec="microseconds")
        yield {**event, "time": at}


def _jsonl(events: Iterator[dict[str, Any]]) -> Iterator[str]:
    for event in _rows(events):
        yield json.dumps(event) + "\n"


def _csv(events: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield csv_cells.line(COLUMNS)
    for event in _rows(events):
        yield csv_cells.line(json.dumps(event[name]) if name == "data" else event[name] for name in COLUMNS)
