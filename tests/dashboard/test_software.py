"""In your software: the lines of a configuration that mend a refused request, for what sent it or what is chosen."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from authserver import connect_pages, database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.insight import refusals, software
from authserver.models import Refusal
from tests.architecture import sources
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import asking, sign_in
from tests.support.protocol import App
from tests.support.tables import rows

UNPROTECTED: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def owner(http: FlaskClient, alice: Person) -> FlaskClient:
    sign_in(http, alice)
    return http


def begun(owner: FlaskClient, **changes: Any) -> str:
    """A sign-in that is refused; the address of its explanation."""
    return _why(owner.get("/oauth/authorize?" + urlencode(asking(**changes))))


def asked(app: Flask, made: App, agent: str, secret: str = "wrong") -> str:
    """A token request with a wrong secret, by a program that names itself so; the address of its explanation."""
    headers = {**protocol.basic(made.id, secret), "User-Agent": agent}
    return _why(app.test_client().post("/oauth/token", data={"grant_type": "refresh_token"}, headers=headers))


def _why(answer: Any) -> str:
    refusals.flush()
    return f"/errors/{answer.headers['X-Request-Id']}"


def blocks(page: str) -> str:
    """What the page shows of configurations."""
    section = page[page.index('id="software"') :]
    found = re.findall(r"<pre.*?</pre>", section[: section.index("</section>")], re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "", "\n".join(found)))


def chosen(page: str) -> str:
    found = re.search(r'<option value="([^"]*)" selected>', page[page.index('id="software"') :])
    return found[1] if found else ""


@rows(
    "path, name, line",
    [
        ("/login/oauth2/code/my-server", "spring-boot", "OAuth2AuthorizationRequestCustomizers.withPkce()"),
        ("/login/generic_oauth", "grafana", "use_pkce = true"),
        ("/oauth2/callback", "oauth2-proxy", 'code_challenge_method = "S256"'),
        ("/accounts/oidc/my-server/login/callback/", "django-allauth", '"OAUTH_PKCE_ENABLED": True,'),
        ("/oidc/callback/", "mozilla-django-oidc", "OIDC_USE_PKCE = True"),
        ("/api/auth/callback/my-server", "authjs", 'checks: ["pkce", "state"]'),
    ],
)
def test_a_path_that_one_software_has_alone_says_what_sent_the_request(
    app: Flask, owner: FlaskClient, alice: Person, path: str, name: str, line: str
) -> None:
    uri = f"https://site.example{path}"
    authorizing.make_app(name, owner_id=alice.id, redirect_uris=[uri])
    page = owner.get(begun(owner, client_id=name, redirect_uri=uri, **UNPROTECTED)).text
    title = connect_pages.pages()[name].title
    assert chosen(page) == name
    assert html.escape(f"The request looks like one of {title}.", quote=False) in page.replace("&#34;", '"')
    assert line in blocks(page)
    assert f"/apps/{name}/quickstart?with={name}" in page


@rows(
    "agent, redirect_uri, name",
    [
        ("openid-client/v6.9.0", "https://site.example/anything", "openid-client"),
        ("mod_auth_openidc", "https://site.example/x", "mod-auth-openidc"),
        ("Authlib/1.9.0 (+https://authlib.org/)", "https://site.example/auth", "flask-authlib"),
        ("Authlib/1.9.0 (+https://authlib.org/)", "https://site.example/authorize", "flask-oidc"),
        ("Authlib/1.9.0 (+https://authlib.org/)", "https://site.example/elsewhere", ""),
        ("Node-oauth", "https://site.example/oauth2/redirect", "passport-openidconnect"),
        ("python-requests/2.32", "https://site.example/anything", ""),
        ("", "https://site.example/login/generic_oauth", "grafana"),
        ("", "https://site.example/deep/login/generic_oauth", ""),
    ],
)
def test_a_program_that_names_itself_is_believed_where_the_name_is_its_own(
    app: Flask, owner: FlaskClient, alice: Person, agent: str, redirect_uri: str, name: str
) -> None:
    made = protocol.register(owner_id=alice.id, redirect_uris=[redirect_uri])
    page = owner.get(asked(app, made, agent)).text
    assert chosen(page) == name
    assert ("The request looks like" in page) is bool(name)
    assert not name or made.id in blocks(page)
    assert made.secret not in page and "wrong" not in blocks(page)


def test_where_nothing_is_sure_the_owner_chooses_without_a_script(
    app: Flask, owner: FlaskClient, alice: Person
) -> None:
    authorizing.make_app(owner_id=alice.id)
    why = begun(owner, **UNPROTECTED)
    page = owner.get(why).text
    assert "What do you use?" in page and blocks(page) == "" and chosen(page) == ""
    page = owner.get(f"{why}?with=oauth2-proxy").text
    assert blocks(page).strip() == 'code_challenge_method = "S256"'
    assert "The request looks like" not in page
    for nothing in ("", "nothing", "svix", "<b>"):
        assert blocks(owner.get(f"{why}?{urlencode({'with': nothing})}").text) == ""


def test_what_protects_stands_before_what_does_without(app: Flask, owner: FlaskClient, alice: Person) -> None:
    authorizing.make_app(owner_id=alice.id)
    page = owner.get(begun(owner, **UNPROTECTED)).text
    assert page.index("In your software") < page.index("Let this app sign in without PKCE")
    page = owner.get(begun(owner, redirect_uri="https://x.example/")).text
    assert page.index("Add this redirect URI") < page.index("In your software")


def test_only_what_has_a_line_about_it_is_offered(app: Flask, owner: FlaskClient, alice: Person) -> None:
    authorizing.make_app(owner_id=alice.id)
    page = owner.get(begun(owner, response_type="id_token")).text
    offered = set(re.findall(r'<option value="([^"]+)"', page[page.index('id="software"') :]))
    assert {"express-openid-connect", "omniauth"} <= offered
    assert not {"grafana", "webhooks", "haproxy", "oidc-agent"} & offered
    assert 'id="software"' not in owner.get(begun(owner, max_age="soon")).text


def test_a_redirect_uri_is_shown_as_it_is_registered(app: Flask, owner: FlaskClient, alice: Person) -> None:
    uri = "https://site.example/oauth2/callback"
    authorizing.make_app(owner_id=alice.id, redirect_uris=[uri])
    page = owner.get(begun(owner, redirect_uri="http://site.example/oauth2/callback")).text
    assert chosen(page) == "oauth2-proxy"
    assert blocks(page).strip() == f'redirect_url = "{uri}"'


def test_software_that_makes_its_redirect_uri_by_itself_says_which(
    app: Flask, owner: FlaskClient, alice: Person
) -> None:
    authorizing.make_app(owner_id=alice.id)
    page = owner.get(f"{begun(owner, redirect_uri='https://x.example/')}?with=spring-boot").text
    assert chosen(page) == "spring-boot" and blocks(page) == ""
    assert "It comes back to <code>/login/oauth2/code/my-server</code> of its site" in page


def test_a_value_that_could_end_a_string_stays_out_of_what_is_pasted(
    app: Flask, owner: FlaskClient, alice: Person
) -> None:
    uri = 'https://site.example/oauth2/callback?"$(id)'
    authorizing.make_app(owner_id=alice.id, redirect_uris=[uri, "https://site.example/oauth2/callback'"])
    page = owner.get(f"{begun(owner, redirect_uri='https://x.example/')}?with=oauth2-proxy").text
    assert blocks(page).strip() == 'redirect_url = "YOUR_REDIRECT_URI"'


def test_the_browser_of_a_person_is_not_kept(app: Flask, owner: FlaskClient, alice: Person) -> None:
    authorizing.make_app(owner_id=alice.id)
    begun(owner, **UNPROTECTED)
    made = protocol.register(owner_id=alice.id)
    for agent in (BROWSER, "curl/8.1 \x01kaie_cs_" + "x" * 49, "A" * 500):
        asked(app, made, agent)
    with database.reading() as session:
        kept = sorted(session.scalars(select(Refusal.user_agent)))
    assert [each[:9] for each in kept] == ["", "", "AAAAAAAAA", "curl/8.1 "]
    assert all(len(each) <= 200 and "x" * 20 not in each for each in kept)


def test_a_key_has_no_software(app: Flask, owner: FlaskClient, alice: Person) -> None:
    _, value = api_keys.create(alice.user, api_keys.Wish("CI", "read_only", allowed_networks=("10.0.0.0/8",)))
    page = owner.get(_why(app.test_client().get("/v1/me", headers=protocol.bearer(value))))
    assert page.status_code == 200 and "10.0.0.0/8" in page.text and 'id="software"' not in page.text


def test_what_lines_are_about_are_checks_that_something_makes() -> None:
    source = "".join(map(sources.read, sources.modules()))
    for check in software.ABOUT:
        assert f'Check("{check}"' in source or f'reasons.note(token, "{check}"' in source, check


@rows("page", [page for page in connect_pages.pages().values() if page.kind == "web"])
def test_every_software_that_signs_people_in_has_lines_for_its_secret(page: connect_pages.Page) -> None:
    assert page.about(software.ABOUT["client secret"])


def test_no_two_softwares_claim_one_path() -> None:
    paths = [page.path for page in connect_pages.pages().values() if page.path]
    assert len(paths) == len(set(paths))
    for page in connect_pages.pages().values():
        others = [each for each in paths if each != page.path]
        assert not any(software._all_fit([page.redirect], each) for each in others), page.name
