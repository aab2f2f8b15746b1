"""Pages for signed-in people."""

from flask import Blueprint

from authserver.dashboard import (
    admin_clients,
    admin_permissions,
    admin_scopes,
    admin_signing_keys,
    admin_users,
    api_keys,
    api_keys_new,
    apps,
    apps_credentials,
    apps_danger,
    apps_quickstart,
    audit_log,
    connected_apps,
    overview,
    playground,
    profile,
    security,
    sessions,
    usage,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    overview.blueprint,
    api_keys.blueprint,
    api_keys_new.blueprint,
    usage.blueprint,
    audit_log.blueprint,
    apps.blueprint,
    apps_credentials.blueprint,
    apps_danger.blueprint,
    apps_quickstart.blueprint,
    admin_clients.blueprint,
    admin_scopes.blueprint,
    admin_permissions.blueprint,
    admin_signing_keys.blueprint,
    connected_apps.blueprint,
    sessions.blueprint,
    security.blueprint,
    profile.blueprint,
    admin_users.blueprint,
)
PLAYGROUND_BLUEPRINTS: tuple[Blueprint, ...] = (playground.blueprint,)
