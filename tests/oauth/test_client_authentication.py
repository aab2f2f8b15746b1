"""How clients say who they are, where both lanes and every endpoint agree."""

from __future__ import annotations

import dataclasses

import pytest
from flask import Flask

from authserver import create_app
from authserver.config import Settings
from tests.conftest import Person
from tests.support import protocol
from tests.support.protocol import App, basic, send

FIELDS = {
    "/oauth/token": {"grant_type": "refresh_token", "refresh_token": "kaie_rt_x"},
    "/oauth/revoke": {"token": "kaie_rt_x"},
}
ANSWERS = {"/oauth/token": (400, "invalid_grant"), "/oauth/revoke": (200, "")}


@pytest.mark.parametrize("path", FIELDS)
def test_an_empty_secret_of_a_public_client_is_no_secret(spa: App, path: str) -> None:
    """RFC 6749 section 2.3.1: the secret may be left out where it is empty; libraries send `id:` all the same."""
    named = {"client_id": spa.id}
    for headers, fields in ((basic(spa.id, ""), {}), (basic(spa.id, ""), named), ({}, named | {"client_secret": ""})):
        assert send(path, FIELDS[path] | fields, headers).error == ANSWERS[path]


def test_a_public_client_gets_its_tokens_that_way(spa: App, alice: Person) -> None:
    code = protocol.allow(alice.id, spa)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": protocol.CALLBACK}
    reply = send("/oauth/token", fields | {"code_verifier": protocol.VERIFIER}, basic(spa.id, ""))
    assert reply.status == 200 and reply.json["access_token"]


@pytest.mark.parametrize("path", FIELDS)
def test_it_opens_nothing_of_a_client_with_a_secret(web_app: App, path: str) -> None:
    reply = send(path, FIELDS[path], basic(web_app.id, ""))
    assert reply.error == (401, "invalid_client")
    assert (reply.header("www-authenticate") or "").startswith("Basic")


def test_it_does_not_stand_in_for_a_second_way(spa: App, web_app: App) -> None:
    for app in (spa, web_app):
        fields = FIELDS["/oauth/token"] | {"client_id": app.id, "client_secret": "x"}
        assert send("/oauth/token", fields, basic(app.id, "")).error == (400, "invalid_request")


def test_with_the_fast_lane_and_without_it(app: Flask, settings: Settings, spa: App) -> None:
    for server in (app, create_app(dataclasses.replace(settings, lane="off"))):
        answer = server.test_client().post("/oauth/token", data=FIELDS["/oauth/token"], headers=basic(spa.id, ""))
        assert answer.get_json()["error"] == "invalid_grant"
