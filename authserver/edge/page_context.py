"""What every template may use: brand, theme, navigation, the person, form tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, request, url_for

from authserver import config
from authserver.domain.access import roles
from authserver.domain.clients import initiate_login
from authserver.domain.ground import lists
from authserver.edge import browser, current_user, headers, unbroken
from authserver.lib import clock, durations
from authserver.observability import context

THEMES = ("system", "light", "dark")
# Set by a script or a form. What a form alone could set had another name: no script could overwrite it.
THEME_COOKIE, _THEME_COOKIE_BEFORE = "appearance", "theme"
DEVELOPERS, ADMINISTRATORS = "developers", "administrators"
# (group, label, endpoint, icon, who is shown it: empty for everybody)
NAVIGATION = (
    ("", "Overview", "overview.show", "home", ""),
    ("Build", "Apps", "apps.index", "app", DEVELOPERS),
    ("Build", "API keys", "api_keys.index", "key", DEVELOPERS),
    ("Build", "Webhooks", "webhooks.index", "hook", DEVELOPERS),
    ("Build", "API", "api_docs.show", "terminal", DEVELOPERS),
    ("Build", "Playground", "playground.show", "play", DEVELOPERS),
    ("Watch", "Usage", "usage.show", "chart", DEVELOPERS),
    ("Watch", "Audit log", "audit_log.index", "list", ""),
    ("Watch", "Refused requests", "errors.index", "warning", DEVELOPERS),
    ("You", "Connected apps", "connected_apps.index", "link", ""),
    ("You", "Sessions", "sessions.index", "desktop", ""),
    ("You", "Security", "security.show", "shield", ""),
    ("You", "Profile", "profile.show", "user", ""),
    ("Admin", "Users", "admin_users.index", "user", ADMINISTRATORS),
    ("Admin", "All apps", "admin_clients.index", "app", ADMINISTRATORS),
    ("Admin", "Self-registered", "admin_blocked_apps.index", "app", ADMINISTRATORS),
    ("Admin", "Scopes", "admin_scopes.index", "list", ADMINISTRATORS),
    ("Admin", "APIs", "admin_resources.index", "hook", ADMINISTRATORS),
    ("Admin", "Key levels", "admin_permissions.index", "key", ADMINISTRATORS),
    ("Admin", "Gateway routes", "admin_gateway_routes.index", "arrows", ADMINISTRATORS),
    ("Admin", "Signing keys", "admin_signing_keys.index", "lock", ADMINISTRATORS),
    ("Admin", "Set aside", "admin_set_aside.index", "warning", ADMINISTRATORS),
)
# Pages that are reached from an entry's page, and have none of their own.
_BEHIND = {"admin_registration_tokens": "admin_blocked_apps"}


@dataclass(frozen=True, slots=True)
class Brand:
    """The name on the page, the start of credentials, and the accent colour."""

    name: str
    slug: str
    accent: str


def init_app(app: Flask) -> None:
    """Register the context processor and the filters for times."""
    app.context_processor(values)
    for name in ("ago", "absolute", "iso", "in_words"):
        app.jinja_env.filters[name] = _filter(getattr(durations, name), with_now=name == "ago")
    app.jinja_env.filters["counted"] = lists.in_words
    app.jinja_env.filters["unbroken"] = unbroken.marked
    app.jinja_env.filters["starts_sign_in"] = initiate_login.link
    app.jinja_env.filters["role_title"] = lambda role: roles.ROLES[role].title
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def values() -> dict[str, Any]:
    """The variables of every page."""
    settings = config.current()
    found = current_user.signed_in()
    return {
        "brand": Brand(settings.brand, settings.slug, settings.accent),
        "theme": theme(),
        "theme_cookie": browser.cookie_name(THEME_COOKIE),
        "csp_nonce": headers.nonce(),
        "current_user": found.user if found else None,
        "develops": found is not None and roles.may_develop(found.user.role),
        "nav": _navigation(found.user.role) if found else [],
        "request_id": context.current().request_id,
        "now": clock.now(),
        "issuer": settings.issuer,
        "settings": settings,
        "home_endpoint": "overview.show",
        "theme_endpoint": "theme.save",
        "sign_out_endpoint": "logout.end",
    }


def theme() -> str:
    """The theme this browser chose."""
    sent = (request.cookies.get(browser.cookie_name(name)) for name in (THEME_COOKIE, _THEME_COOKIE_BEFORE))
    return next((each for each in sent if each in THEMES), "system")


def _navigation(role: str) -> list[dict[str, Any]]:
    shown = {"": True, DEVELOPERS: roles.may_develop(role), ADMINISTRATORS: role == roles.ADMIN}
    groups: dict[str, list[dict[str, Any]]] = {}
    blueprint = _BEHIND.get(request.blueprint or "", request.blueprint)
    for group, label, endpoint, icon, audience in NAVIGATION:
        if endpoint in current_app.view_functions and shown[audience]:
            name = endpoint.partition(".")[0]
            here = blueprint == name or str(blueprint).startswith(f"{name}_")
            item = {"label": label, "href": url_for(endpoint), "icon": icon, "current": here}
            groups.setdefault(group, []).append(item)
    return [{"label": label, "items": items} for label, items in groups.items()]


def _filter(function: Any, *, with_now: bool) -> Any:
    if not with_now:
        return function
    return lambda then, now=None: function(then, clock.now() if now is None else now)
