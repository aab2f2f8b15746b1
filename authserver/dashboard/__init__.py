"""Pages for signed-in people."""

from flask import Blueprint

from authserver.dashboard import (
    audit_log,
    connected_apps,
    errors,
    overview,
    playground,
    profile,
    security,
    sessions,
    usage,
)
from authserver.dashboard.admin import (
    blocked_apps,
    clients,
    departures,
    gateway_routes,
    permissions,
    registration_tokens,
    resources,
    rosters,
    scopes,
    set_aside,
    signing_keys,
    standard_claims,
    users,
)
from authserver.dashboard.api_keys import keys
from authserver.dashboard.api_keys import new as new_key
from authserver.dashboard.apps import credentials, danger, editing, listing, quickstart, registering, transfer
from authserver.dashboard.webhooks import deliveries, endpoints
from authserver.dashboard.webhooks import form as webhook_form

BLUEPRINTS: tuple[Blueprint, ...] = (
    overview.blueprint,
    keys.blueprint,
    new_key.blueprint,
    usage.blueprint,
    audit_log.blueprint,
    errors.blueprint,
    webhook_form.blueprint,
    endpoints.blueprint,
    deliveries.blueprint,
    registering.blueprint,
    listing.blueprint,
    editing.blueprint,
    credentials.blueprint,
    danger.blueprint,
    quickstart.blueprint,
    transfer.blueprint,
    clients.blueprint,
    scopes.blueprint,
    resources.blueprint,
    registration_tokens.blueprint,
    blocked_apps.blueprint,
    set_aside.blueprint,
    permissions.blueprint,
    gateway_routes.blueprint,
    signing_keys.blueprint,
    connected_apps.blueprint,
    sessions.blueprint,
    security.blueprint,
    profile.blueprint,
    users.blueprint,
    standard_claims.blueprint,
    departures.blueprint,
    rosters.blueprint,
)
PLAYGROUND_BLUEPRINTS: tuple[Blueprint, ...] = (playground.blueprint,)
