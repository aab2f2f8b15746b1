"""What a setting switches on: endpoints and members of the metadata. Without its line a feature is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint

from authserver import config
from authserver.config import Settings
from authserver.edge import session_state
from authserver.edge.cors import any_origin
from authserver.edge.machine import Endpoint
from authserver.oauth import backchannel_logout, client_id_metadata, frontchannel_logout
from authserver.oauth.endpoints import check_session, device_authorization, registration
from authserver.oauth.grants import device_code


@dataclass(frozen=True, slots=True)
class Feature:
    """One of them; a path that ends in a slash stands for everything below it."""

    is_on: Callable[[Settings], bool]
    metadata: Callable[[Settings], dict[str, Any]]
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    blueprints: tuple[Blueprint, ...] = ()
    grants: tuple[Any, ...] = ()  # classes that say by `is_offered` whether the setting has them on


FEATURES = (
    Feature(
        registration.is_on,
        registration.described,
        {
            registration.PATH: Endpoint(registration.respond, frozenset({"POST"}), cors=any_origin),
            registration.PATH + "/": Endpoint(
                registration.respond_to_app, frozenset({"GET", "PUT", "DELETE"}), cors=any_origin
            ),
        },
    ),
    Feature(client_id_metadata.is_on, client_id_metadata.described),
    Feature(lambda settings: settings.has_logout_channels, backchannel_logout.described),
    Feature(lambda settings: settings.has_logout_channels, frontchannel_logout.described),
    Feature(session_state.is_on, check_session.described, blueprints=(check_session.blueprint,)),
    Feature(
        lambda settings: settings.has_devices,
        device_authorization.described,
        {device_authorization.PATH: Endpoint(device_authorization.respond, frozenset({"POST"}))},
        grants=(device_code.DeviceCode,),
    ),
)


def endpoints() -> dict[str, Endpoint]:
    """Those of the features that are on."""
    settings = config.current()
    return {path: each for feature in FEATURES if feature.is_on(settings) for path, each in feature.endpoints.items()}


def blueprints() -> list[Blueprint]:
    """Those of the features that are on."""
    settings = config.current()
    return [blueprint for feature in FEATURES if feature.is_on(settings) for blueprint in feature.blueprints]


def grants() -> tuple[Any, ...]:
    """Those of every feature."""
    return tuple(grant for each in FEATURES for grant in each.grants)


def metadata(settings: Settings) -> dict[str, Any]:
    """What the features that are on say of themselves."""
    return {name: said for each in FEATURES if each.is_on(settings) for name, said in each.metadata(settings).items()}
