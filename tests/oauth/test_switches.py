"""A feature that is switched off is told nowhere and answers 404: every switch that there is, one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import config, create_app
from authserver.config.judging import KINDS

HTTPS = "https://auth.example"
ALL_ON = {
    "registration": "open", "cimd": "on", "device": "on", "logout_channels": "on", "signup": "on", "playground": "on",
    "issuer": HTTPS,
}  # fmt: skip
WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


@dataclass(frozen=True)
class Switch:
    """What there is of a feature: members of the metadata, values in lists of it, addresses by how they are asked."""

    members: frozenset[str] = frozenset()
    values: tuple[tuple[str, str], ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()


SWITCHES = {
    "registration": Switch(
        frozenset({"registration_endpoint"}),
        addresses=(
            ("POST", "/oauth/register"),
            *((method, "/oauth/register/cl_x") for method in ("GET", "PUT", "DELETE")),
        ),
    ),
    "cimd": Switch(frozenset({"client_id_metadata_document_supported"})),
    "device": Switch(
        frozenset({"device_authorization_endpoint"}),
        (("grant_types_supported", "urn:ietf:params:oauth:grant-type:device_code"),),
        (("POST", "/oauth/device_authorization"), ("GET", "/device"), ("POST", "/device")),
    ),
    "logout_channels": Switch(
        frozenset(
            {
                "check_session_iframe",
                *(f"{way}channel_logout{more}_supported" for way in ("back", "front") for more in ("", "_session")),
            }
        ),
        addresses=(("GET", "/oauth/session"),),
    ),
    "signup": Switch(values=(("prompt_values_supported", "create"),), addresses=(("GET", "/signup"),)),
    "playground": Switch(addresses=(("GET", "/playground"),)),
}
OF_NO_FEATURE = {"rate_limit_token", "metrics_bind", "opentelemetry", "lane"}
"""What can be off, too: a limit, an address of its own, a tool beside, and a faster way to the same answers."""


@contextlib.contextmanager
def served(**changes: str) -> Iterator[FlaskClient]:
    settings = dataclasses.replace(config.current(), **(ALL_ON | changes))
    with config.using(settings):
        client = create_app(settings).test_client()
        client.environ_base["wsgi.url_scheme"] = "https"
        client.environ_base["HTTP_HOST"] = "auth.example"
        yield client


def told(http: FlaskClient) -> dict[str, Any]:
    """The metadata, which both documents are."""
    first, second = (dict(http.get(each).json or {}) for each in WELL_KNOWN)
    assert first == second
    return first


def statuses(http: FlaskClient, switch: Switch) -> list[int]:
    return [http.open(path, method=method, base_url=HTTPS).status_code for method, path in switch.addresses]


def said(name: str, word: str) -> Any:
    """What a setting makes of a word; None where it takes no such."""
    with contextlib.suppress(ValueError):
        return KINDS[name](word)
    return None


def test_every_switch_is_walked() -> None:
    found = {name for name in KINDS if said(name, "off") == "off" and said(name, "some other word") is None}
    assert found == SWITCHES.keys() | OF_NO_FEATURE


@pytest.mark.parametrize("name", SWITCHES)
def test_what_is_switched_off_is_told_nowhere_and_answers_404(app: Flask, name: str) -> None:
    switch = SWITCHES[name]
    with served() as http:
        on = told(http)
        assert 404 not in statuses(http, switch)
    with served(**{name: "off"}) as http:
        off = told(http)
        assert set(statuses(http, switch)) <= {404}
    assert on.keys() - off.keys() == switch.members and not off.keys() - on.keys()
    lists = [member for member in off if off[member] != on[member]]
    lost = {(member, each) for member in lists for each in set(on[member]) - set(off[member])}
    assert lost == set(switch.values)
