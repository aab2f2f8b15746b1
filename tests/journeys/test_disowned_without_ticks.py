""" "This wasn't me" with every tick taken off: sessions and tokens of the intruder end in any case (contract 11.52)."""

from __future__ import annotations

from flask.testing import FlaskClient

from authserver import database
from authserver.domain.ground import one_time_links
from authserver.domain.tokens import disowning, inspection
from tests.conftest import PASSWORD, Person
from tests.support import authorizing, devices, forms, protocol
from tests.support.authorizing import authorize, followed, make_app


def test_sessions_tokens_codes_and_devices_of_the_intruder_end(http: FlaskClient, alice: Person) -> None:
    forms.sign_in(http, alice.email, PASSWORD)
    app, television = protocol.register(), devices.register()
    tokens, code = protocol.tokens_for(alice.id, app), protocol.allow(alice.id, app)
    allowed, typed = devices.begun(television), devices.begun(television)
    assert devices.answer(http, allowed["user_code"]).status_code in (200, 303)
    waiting = devices.typed(http, typed["user_code"])
    make_app()
    asked = followed(http, authorize(http))
    with database.transaction() as session:
        link = one_time_links.make(session, alice.user, "not_me").rpartition("/")[2]
    disowning.disown(link, everything=False)
    assert http.get("/settings/profile").location.startswith("/login")
    assert inspection.inspect(tokens["access_token"]) is None
    assert protocol.refresh(app, tokens["refresh_token"]).status == 400
    assert protocol.exchange(app, code).status == 400
    assert devices.press(http, waiting).status_code in (303, 400)
    for begun in (allowed, typed):
        refused = devices.poll(television, begun["device_code"])
        assert refused.status == 400 and "access_token" not in refused.json, refused.body
    answer = authorizing.answer_consent(http, asked)
    assert "code=" not in (answer.location or "")
