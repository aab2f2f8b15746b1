"""authserver: an OAuth 2.0, OpenID Connect and JWT authorization server."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from authserver import assets, config
from authserver.config import Settings

# Flask and SQLAlchemy are imported by the functions that need them: every command imports this package.
if TYPE_CHECKING:
    from flask import Flask


def create_app(settings: Settings | None = None, *, connections: Callable[[int], int] | None = None) -> Flask:
    """Assemble the server. Without settings they are read from the environment and `authserver.toml`.

    `connections` says, for the setting `threads`, how many of the database are wanted at once, where that is known.
    """
    from flask import Flask

    from authserver.edge.routes import Route

    settings = settings or config.load()
    install(settings, connections=connections)
    # Static files are ours to serve, see edge/static_files.py.
    app = Flask(__name__, template_folder=str(assets.assets() / "templates"), static_folder=None)
    app.url_rule_class = Route
    configure(app, settings)
    register(app, settings)
    return app


def describe(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document of a server with these settings; needs no database."""
    from authserver import api

    with config.using(settings):
        return api.document()


def install(settings: Settings, *, connections: Callable[[int], int] | None = None) -> None:
    """What every entry needs, commands too: settings, logging, hashing, the database and its schema."""
    from authserver import database, engines
    from authserver.domain.ground import cache
    from authserver.lib import password_hash
    from authserver.observability import logs, metrics

    config.install(settings)
    logs.configure(settings)
    password_hash.configure(slots=max(1, (os.cpu_count() or 1) // settings.workers))
    password_hash.observe(
        waiting=lambda more: metrics.PASSWORD_HASH_WAITING.inc(more),  # looked up when it counts, see metrics.py
        took=lambda seconds: metrics.PASSWORD_HASH_SECONDS.observe(seconds),
    )
    most = connections(settings.threads) if connections is not None else 0
    database.install(engines.build(settings, connections=most))
    cache.reset()
    if settings.redis_url:
        from authserver.domain.limits import tiers

        tiers.tiers()  # the driver takes most of a second to import, which no request shall wait for


def configure(app: Flask, settings: Settings) -> None:
    """Flask's own settings. Its cookie session carries flash messages alone."""
    from authserver import keyring

    app.debug = False  # whatever FLASK_DEBUG says: its pages and error texts are for nobody here
    # One spelling for every path: a redirect to another would carry a POST and its credentials along (class C25).
    app.url_map.merge_slashes = False
    app.config.update(
        SECRET_KEY=keyring.key("flask").hex(),
        SECRET_KEY_FALLBACKS=[key.hex() for key in keyring.keys("flask")[1:]],
        SESSION_COOKIE_NAME="__Host-authserver_flash" if settings.https else "authserver_flash",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=256 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        MAX_FORM_PARTS=300,
        WTF_CSRF_ENABLED=False,  # ours is bound to session and form, see edge/csrf.py
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
    )


def register(app: Flask, settings: Settings) -> None:
    """The edge, then every way in."""
    from authserver import api, dashboard, gateway, oauth, ops, pages
    from authserver.edge import lane, machine, wiring
    from authserver.extensions import db

    db.init_app(app)
    wiring.init_app(app)
    endpoints = {
        **oauth.ENDPOINTS,
        **oauth.switched_on(),
        **oauth.path_inserted(),
        **gateway.ENDPOINTS,
        **ops.ENDPOINTS,
        **api.ENDPOINTS,
    }
    if settings.demo:
        endpoints |= api.DEMO_ENDPOINTS
    lane.register(app, endpoints)
    for blueprint in (*oauth.blueprints(), *pages.BLUEPRINTS, *dashboard.BLUEPRINTS, *api.BLUEPRINTS):
        app.register_blueprint(blueprint)
    for blueprint in pages.switched_on(settings):
        app.register_blueprint(blueprint)
    for blueprint in pages.DEMO_BLUEPRINTS if settings.demo else ():
        app.register_blueprint(blueprint)
    for blueprint in dashboard.PLAYGROUND_BLUEPRINTS if settings.has_playground else ():
        app.register_blueprint(blueprint)
    lane.install(app, endpoints, prefix=machine.issuer_path(), open=settings.lane == "on")
