"""/apps/<id>/quickstart: programs with the values of an app in them; the interop tests run the same files."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, render_template, request

from authserver import config
from authserver.connect_pages import Page
from authserver.domain.clients import ownership
from authserver.domain.clients.metadata.authentication import KEY_METHOD
from authserver.domain.insight import software
from authserver.edge import current_user

blueprint = Blueprint("apps_quickstart", __name__)
FOLDER = "dashboard/apps/quickstart"
# For which apps, in which file, under which heading, and what it needs.
SNIPPETS = (
    ("people", "code_curl.sh", "curl", "Nothing to install."),
    ("people", "code_authlib.py", "Python with Authlib", "pip install authlib requests"),
    ("people", "code_requests_oauthlib.py", "Python with requests-oauthlib", "pip install requests-oauthlib"),
    ("people", "code_oauth4webapi.mjs", "Node with oauth4webapi", "npm install oauth4webapi"),
    ("device", "device_cli.py", "Python: a code for another device", "pip install requests"),
    ("machine", "machine_curl.sh", "curl", "Nothing to install."),
    ("machine", "machine_authlib.py", "Python with Authlib", "pip install authlib requests"),
    ("machine", "machine_requests_oauthlib.py", "Python with requests-oauthlib", "pip install requests-oauthlib"),
    ("machine", "machine_oauth4webapi.mjs", "Node with oauth4webapi", "npm install oauth4webapi"),
    ("keyed", "keyed_authlib.py", "Python with Authlib", "pip install authlib requests"),
    ("api", "api_introspect.sh", "curl: ask us about a token", "Nothing to install."),
    ("api", "api_introspect.py", "Python: ask us about a token", "pip install requests"),
)

# What the playground opens with, by the first use that an app has.
FLOWS = (("people", "code"), ("device", "device"), ("", "machine"))


@dataclass(frozen=True, slots=True)
class Snippet:
    """A program: its file name, heading, what it needs, and its text."""

    file: str
    title: str
    needs: str
    text: str


@blueprint.get("/apps/<client_id>/quickstart")
@current_user.require_user
def show(client_id: str) -> Any:
    """From a registered app to a token in a minute."""
    client = ownership.visible_to(current_user.me().user, client_id)
    offered = software.offered(client)
    chosen = offered.get(request.args.get("with", ""))
    return render_template(
        "dashboard/apps/quickstart.html",
        client=client,
        snippets=snippets(client),
        software=[(page.name, page.title) for page in offered.values()],
        page=software.filled(chosen, client) if chosen else None,
        redirect_is_missing=_misses_its_redirect_uri(chosen, client),
        flow=next(flow for use, flow in FLOWS if use in (*software.uses(client), "")),
    )


def _misses_its_redirect_uri(page: Page | None, client: Any) -> bool:
    return page is not None and page.kind != "device" and not software.own_redirect_uri(page, client)


def snippets(client: Any) -> list[Snippet]:
    """The programs for one app. Takes a Client or its facts; needs an app context."""
    uses = software.uses(client)
    if client.token_endpoint_auth_method == KEY_METHOD:
        uses = {"keyed" if use == "machine" else use for use in uses}
    return [Snippet(file, title, needs, render(file, client)) for use, file, title, needs in SNIPPETS if use in uses]


def render(file: str, client: Any) -> str:
    """One program, with this server's address and the app's values, quoted for its language."""
    # Only these values, and only quoted: an app's owner chooses them, and somebody else may paste the result.
    return current_app.jinja_env.get_template(f"{FOLDER}/{file}").render(
        issuer=config.current().issuer,
        client_id=client.id,
        redirect_uri=client.redirect_uris[0] if client.redirect_uris else "",
        scope=" ".join(client.scopes),
        public=client.public,
        sh=shlex.quote,
        text=json.dumps,
    )
