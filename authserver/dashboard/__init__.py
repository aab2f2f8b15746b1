"""Pages for signed-in people."""

from flask import Blueprint

from authserver.dashboard import admin_users, connected_apps, profile, security, sessions

BLUEPRINTS: tuple[Blueprint, ...] = (
    connected_apps.blueprint,
    sessions.blueprint,
    security.blueprint,
    profile.blueprint,
    admin_users.blueprint,
)
