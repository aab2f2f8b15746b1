"""`authserver webhook`: list endpoints, send a test, have deliveries sent again."""

from __future__ import annotations

import dataclasses
import functools
import time

import click

from authserver.cli import options, output

WAIT_SECONDS = 20.0
UNITS = {"m": 60, "h": 3600, "d": 86_400}


@click.group()
def group() -> None:
    """Look after webhooks; `authserver worker` delivers them."""


@group.command("list")
@options.limit
def list_(limit: int | None) -> None:
    """Every endpoint and how it is doing, newest first."""
    from authserver.domain.ground import lists
    from authserver.domain.webhooks import endpoints as webhook_endpoints

    found = lists.every(functools.partial(webhook_endpoints.page, None), limit)
    shown = (
        {
            "id": row.id, "name": row.name, "url": row.url, "status": webhook_endpoints.status(row),
            "events": list(row.events), "owner_id": row.owner_id,
        }
        for row in found
    )  # fmt: skip
    output.stream(shown, ("id", "status", "url", "name"), empty="No webhooks.")


@group.command()
@click.argument("webhook_id")
@click.option("--wait/--no-wait", default=True, help="Wait for what becomes of it; the worker must run.")
def test(webhook_id: str, wait: bool) -> None:
    """Queue a webhook.test for WEBHOOK_ID and say what the endpoint answered."""
    from authserver.domain.webhooks import deliveries as webhook_deliveries
    from authserver.domain.webhooks import endpoints as webhook_endpoints

    delivery_id = webhook_endpoints.test(None, webhook_id)
    found = webhook_deliveries.get(None, webhook_id, delivery_id)
    give_up = time.monotonic() + WAIT_SECONDS
    while wait and found.state == "pending" and time.monotonic() < give_up:
        time.sleep(0.2)
        found = webhook_deliveries.get(None, webhook_id, delivery_id)
    output.emit(dataclasses.asdict(found), _said(found.state, found.status, found.ms, found.error))
    if wait and found.state != "delivered":
        raise SystemExit(output.ERROR)


@group.command()
@click.argument("webhook_id")
@click.option(
    "--since",
    default="24h",
    help="How far back: 30m, 24h, 3d; or from when on: 2026-11-24, 2026-11-24T10:00Z (UTC unless it says otherwise), "
    "epoch seconds. Default: 24h.",
)
@click.option("--include-delivered", "--all", is_flag=True, help="Also what arrived, for a receiver that lost it.")
def replay(webhook_id: str, since: str, include_delivered: bool) -> None:
    """Have what WEBHOOK_ID has not got sent again: what failed, what it missed while it was off, what is retried."""
    from authserver.domain.webhooks import deliveries as webhook_deliveries

    count = webhook_deliveries.replay(None, webhook_id, _moment(since), include_delivered=include_delivered)
    output.emit({"replayed": count}, f"{count} deliver{'y is' if count == 1 else 'ies are'} queued again.")


def _moment(text: str) -> int:
    """Epoch seconds of `24h` ago, or of a time. Raises BadParameter."""
    from authserver.lib import clock, moments

    now = clock.now()
    if text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in UNITS and len(text) < 8:
        return max(0, now - int(text[:-1]) * UNITS[text[-1]])
    try:
        at = moments.parse(text)
    except ValueError as wrong:
        raise click.BadParameter(f"say 30m, 24h or 3d, or a time: {wrong}", param_hint="--since") from None
    if at > now:
        raise click.BadParameter("choose a time in the past", param_hint="--since")
    return at


def _said(state: str, status: int | None, ms: int | None, error: str) -> str:
    if state == "pending":
        return "Queued. Nothing delivered it yet: does `authserver worker` run?"
    if state == "delivered":
        return f"Delivered: HTTP {status} in {ms} ms."
    return f"Not delivered: {error or f'HTTP {status}'}"
