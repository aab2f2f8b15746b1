"""The forms of what apps may be told of a person besides names and email (OpenID Connect Core 5.1)."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField, TelField, TextAreaField, URLField

from authserver.domain.people.standard_claims import ADDRESS, LABELS
from authserver.errors import Invalid


class AboutForm(FlaskForm):
    """What else apps may be told with the scope `profile`."""

    middle_name = StringField(LABELS["middle_name"])
    nickname = StringField(LABELS["nickname"])
    website = URLField(LABELS["website"])
    profile = URLField(LABELS["profile"])
    picture = URLField(LABELS["picture"])
    birthdate = StringField(LABELS["birthdate"])
    gender = StringField(LABELS["gender"])
    zoneinfo = StringField(LABELS["zoneinfo"])
    locale = StringField(LABELS["locale"])


class ContactForm(FlaskForm):
    """What apps may be told with the scopes `phone` and `address`."""

    phone_number = TelField(LABELS["phone_number"])
    street_address = TextAreaField(ADDRESS["street_address"])
    postal_code = StringField(ADDRESS["postal_code"])
    locality = StringField(ADDRESS["locality"])
    region = StringField(ADDRESS["region"])
    country = StringField(ADDRESS["country"])


class ClaimsForm(AboutForm, ContactForm):
    """All of it, for whoever looks after somebody's account."""


def blame(form: FlaskForm, refused: Invalid) -> None:
    """Put each sentence at its field."""
    for name, text in refused.problems.items():
        form[name.removeprefix("address.")].errors = [text]
