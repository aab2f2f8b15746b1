"""The protocol, named by the specs; the only code that knows Authlib."""

from flask import Blueprint

from authserver.edge.machine import Endpoint
from authserver.oauth.endpoints import authorization

ENDPOINTS: dict[str, Endpoint] = {}
BLUEPRINTS: tuple[Blueprint, ...] = (authorization.blueprint,)
