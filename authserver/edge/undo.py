"""Acts that are done at once, since they can be taken back: what was done, and a button that undoes it."""

from __future__ import annotations

from flask import flash


def offer(text: str, endpoint: str, *, fields: dict[str, str] | None = None, **args: str) -> None:
    """Say on the next page what was done, with `Undo`: a form that posts `fields` to an endpoint with `args`.

    The endpoint asks for what it always asks for: its form's token, its rights, a fresh proof.
    """
    flash({"text": text, "endpoint": endpoint, "args": args, "fields": fields or {}}, "success")  # type: ignore[arg-type]  # any JSON
