"""`authserver webhook`: list endpoints, send a test, have deliveries sent again."""

from __future__ import annotations

import dataclasses
import time

import click

from authserver.cli import output

WAIT_SECONDS = 20.0
UNITS = {"m": 60, "h": 3600, "d": 86_400}


@click.group()
def group() -> None:
    """Look after webhooks; `authserver worker` delivers them."""


@group.command("list")
def list_() -> None:
    """Every endpoint and how it is doing."""
    from authserver.domain import webhook_endpoints

    rows, _ = webhook_endpoints.page(None, limit=1000)
    shown = [
        {
            "id": row.id, "name": row.name, "url": row.url, "status": webhook_endpoints.status(row),
            "events": list(row.events), "owner_id": row.owner_id,
        }
        for row in rows
    ]  # fmt: skip
    text = "\n".join(f"{each['id']}  {each['status']:<9} {each['url']}  {each['name']}" for each in shown)
    output.emit(shown, text or "No webhooks.")


@group.command()
@click.argument("webhook_id")
@click.option("--wait/--no-wait", default=True, help="Wait for what becomes of it; the worker must run.")
def test(webhook_id: str, wait: bool) -> None:
    """Queue a webhook.test for WEBHOOK_ID and say what the endpoint answered."""
    from authserver.domain import webhook_deliveries, webhook_endpoints

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
@click.option("--since", default="24h", help="How far back: 30m, 24h, 3d. Default: 24h.")
@click.option("--all", "everything", is_flag=True, help="Also what arrived already.")
def replay(webhook_id: str, since: str, everything: bool) -> None:
    """Have what WEBHOOK_ID failed to take, or missed while it was off, sent again."""
    from authserver.domain import webhook_deliveries
    from authserver.lib import clock

    count = webhook_deliveries.replay(None, webhook_id, clock.now() - _seconds(since), everything=everything)
    output.emit({"replayed": count}, f"{count} deliveries are queued again.")


def _seconds(text: str) -> int:
    if not (text[:-1].isascii() and text[:-1].isdigit() and text[-1:] in UNITS and len(text) < 8):
        raise click.BadParameter("say 30m, 24h or 3d", param_hint="--since")
    return int(text[:-1]) * UNITS[text[-1]]


def _said(state: str, status: int | None, ms: int | None, error: str) -> str:
    if state == "pending":
        return "Queued. Nothing delivered it yet: does `authserver worker` run?"
    if state == "delivered":
        return f"Delivered: HTTP {status} in {ms} ms."
    return f"Not delivered: {error or f'HTTP {status}'}"
