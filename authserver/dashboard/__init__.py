"""Pages for signed-in people."""

from flask import Blueprint

from authserver.dashboard import connected_apps

BLUEPRINTS: tuple[Blueprint, ...] = (connected_apps.blueprint,)
