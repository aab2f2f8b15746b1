"""What the lists in the form of an app offer: the same for everybody, or by what there is and who asks."""

from __future__ import annotations

from typing import Any

from authserver.domain.access import resources, scopes
from authserver.domain.clients.metadata import DEVICE, authentication, request_objects
from authserver.domain.signing import keys as signing_keys
from authserver.edge.choices import SelectChoice
from authserver.lib import acr

GRANTS = [
    SelectChoice("authorization_code", "Sign people in"),
    SelectChoice("refresh_token", "Stay signed in"),
    SelectChoice("client_credentials", "Act for itself"),
    SelectChoice(DEVICE, "Sign people in by a code that they type on another device"),
]
METHODS = [
    SelectChoice("", "Secret in the header or in the body"),
    SelectChoice("client_secret_basic", "Secret in the header only (client_secret_basic)"),
    SelectChoice("client_secret_post", "Secret in the body only (client_secret_post)"),
    SelectChoice("private_key_jwt", "A JWT signed with its own key, and no secret (private_key_jwt)"),
]
ASSERTIONS = [
    SelectChoice("", "Any algorithm of its keys"),
    *(SelectChoice(each, f"{each} alone") for each in authentication.ASSERTION_ALGS),
]
TOKENS = [SelectChoice("jwt", "JWT, checked anywhere"), SelectChoice("opaque", "Opaque, checked by asking us")]
SUBJECTS = [
    SelectChoice("public", "The id that every app knows"),
    SelectChoice("pairwise", "An id that no other app knows (pairwise)"),
]
OBJECTS = [
    SelectChoice("", "Signed, with any algorithm"),
    *(SelectChoice(each, f"Signed with {each}") for each in request_objects.ALGS if each != "none"),
    SelectChoice("none", "Not signed"),
]
MODES = [
    SelectChoice("query", "In the address of the redirect URI"),
    SelectChoice("fragment", "Behind its #, which servers never see"),
    SelectChoice("form_post", "In a form that the browser posts"),
]
CLASSES = {acr.AAL1: "One factor", acr.AAL2: "Two factors", acr.PHR: "A passkey"}
PKCE_CHOICES = [
    SelectChoice("", "What its software sends by itself"),
    SelectChoice("always", "Always PKCE"),
    SelectChoice("neither", "My software can send neither"),
]


def fill(form: Any, me: Any, before: Any, *, people: bool) -> None:
    """Give the lists of an AppForm what this reader may choose for the app; `people`: somebody signs in there."""
    known, registered = scopes.all(), resources.all()
    # Without people there is nobody whose identity could be shared.
    given = {each.name for each in scopes.assignable_by(admin=me.is_admin) if people or each.level != "identity"} | set(
        before.scopes if before else ()
    )
    named: list[Any] = [SelectChoice(name, facts.title) for name, facts in known.items() if name in given]
    form.scopes.choices = named
    if "optional_scopes" in form:
        own = before.scopes if before else ()
        left = [each for each in named if each.value in own and each.value != "openid"]
        form.optional_scopes.choices = form.required_scopes.choices = left
        form.default_scopes.choices = [each for each in named if each.value in own]
    if "default_acr_values" in form:
        form.default_acr_values.choices = _classes(before)
    algs = signing_keys.algs()
    if "introspection_alg" in form:
        form.introspection_alg.choices = [SelectChoice(each) for each in algs]
    if "id_token_alg" in form:
        form.id_token_alg.choices = [SelectChoice(each) for each in algs]
        signed = [SelectChoice(each, f"Signed with {each}") for each in algs]
        form.userinfo_alg.choices = [SelectChoice("", "In JSON"), *signed]
    served = {each.identifier for each in resources.assignable_by(me.id, admin=me.is_admin)}
    served |= set(before.resources if before else ())
    apis = [SelectChoice(each.identifier, each.name) for each in registered.values()]
    form.resources.choices = [each for each in apis if each.value in served]
    if "resource_server_for" in form:
        form.resource_server_for.choices = apis


def _classes(before: Any) -> list[SelectChoice]:
    """What a sign-in here can be, and whatever the app was registered with."""
    names = dict.fromkeys((*acr.REACHABLE, *(before.default_acr_values if before else ())))
    return [SelectChoice(name, f"{CLASSES[name]} ({name})" if name in CLASSES else name) for name in names]
