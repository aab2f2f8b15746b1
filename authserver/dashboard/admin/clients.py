"""/admin/clients: everybody's apps, with their owners."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from authserver.domain.clients import directory as client_directory
from authserver.domain.clients.metadata import KINDS
from authserver.edge import current_user, paging

blueprint = Blueprint("admin_clients", __name__)
STATUSES = (("", "All"), ("active", "Active"), ("disabled", "Disabled"), ("deleted", "Deleted"))


@blueprint.get("/admin/clients")
@current_user.require_admin
def index() -> Any:
    """The list, newest first."""
    status, kind, search = (request.args.get(name, "") for name in ("status", "kind", "q"))
    lines, total = client_directory.owned_by(None, search=search, status=status, kind=kind, **paging.asked())
    return render_template(
        "dashboard/apps/all.html",
        lines=lines, total=total, status=status, kind=kind, q=search,
        kinds=KINDS, statuses=STATUSES, filtered=bool(status or kind or search),
    )  # fmt: skip
