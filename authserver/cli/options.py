"""Options that several commands have."""

from __future__ import annotations

import click

limit = click.option("--limit", type=click.IntRange(1), metavar="N", help="No more than the first N.")
