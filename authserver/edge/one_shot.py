"""One-shot forms: the page that answers shows a secret once, and a repeated POST makes no second one."""

from __future__ import annotations

from flask import Flask, request

from authserver import keyring
from authserver.domain.ground import form_nonces
from authserver.lib import clock, sealing, secrets

FIELD = "once"


def init_app(app: Flask) -> None:
    """Give templates `one_shot()`: the value of the hidden field `once`."""
    app.jinja_env.globals["one_shot"] = make


def make() -> str:
    """A new nonce that only we can make."""
    value = f"{clock.now():x}-{secrets.random_token(16)}"
    return f"{value}.{sealing.sign(keyring.key('one-shot'), value.encode()).hex()[:32]}"


def spend() -> bool:
    """Whether this POST is the first one of its form. Call it after the form was found valid."""
    text = request.form.get(FIELD, "")
    value, _, tag = text.rpartition(".")
    stamp = value.partition("-")[0]
    known = any(secrets.equal(sealing.sign(key, value.encode()).hex()[:32], tag) for key in keyring.keys("one-shot"))
    if not known or clock.now() - int(stamp, 16) > form_nonces.LIFETIME:
        return False
    return form_nonces.spend(value)
