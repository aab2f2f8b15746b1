"""Pages for anyone: sign-in, consent, reset."""

from collections.abc import Callable

from flask import Blueprint

from authserver.config import Settings
from authserver.pages import (
    change_password,
    consent,
    demo_inbox,
    demo_mail,
    device,
    login,
    logout,
    password_reset,
    refused,
    signup,
    theme,
    this_was_not_me,
    welcome,
)

# Add a page's module here and its blueprint is served.
BLUEPRINTS: tuple[Blueprint, ...] = (
    login.blueprint,
    logout.blueprint,
    signup.blueprint,
    welcome.blueprint,
    password_reset.blueprint,
    refused.blueprint,
    this_was_not_me.blueprint,
    change_password.blueprint,
    consent.blueprint,
    theme.blueprint,
)
# What a setting switches on, and whether it does.
SWITCHED: tuple[tuple[Blueprint, Callable[[Settings], bool]], ...] = ((device.blueprint, device.is_on),)
# The demo's own.
DEMO_BLUEPRINTS: tuple[Blueprint, ...] = (demo_mail.blueprint, demo_inbox.blueprint)


def switched_on(settings: Settings) -> list[Blueprint]:
    """The pages of features that are on."""
    return [blueprint for blueprint, is_on in SWITCHED if is_on(settings)]
