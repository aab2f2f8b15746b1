"""Hostile input at the pages: sign-in, return links, forms of others (security.md C2, C22, C26, C28)."""

from __future__ import annotations

import re

import pytest

from tests.hostile import refusals
from tests.support.browsing import Answer, Browser
from tests.support.standing import PASSWORD, Standing
from tests.support.tables import rows


@pytest.fixture(scope="module")
def anonymous(server: Standing) -> Browser:
    server.person("alice@example.test")
    return server.browser()


def try_to_sign_in(browser: Browser, **fields: str) -> Answer:
    return browser.submit(browser.open("/login").form("/login"), **fields)


NAMES = {
    "nothing": "",
    "no address": "alice",
    "a NUL": "alice\x00@example.test",
    "a line break": "alice@example.test\r\nBcc: x@y",
    "markup": "<script>@example.test",
    "SQL": "' OR '1'='1' --@example.test",
    "a surrogate": "alice\udfff@example.test".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    "a hundred kilobytes": "a" * 100_000 + "@example.test",
    "a template": "{{7*7}}@example.test",
    "a format": "%s%n@example.test",
}


@pytest.mark.parametrize("what", NAMES)
def test_an_odd_address_is_refused_like_any_wrong_one(anonymous: Browser, what: str) -> None:
    answer = try_to_sign_in(anonymous, email=NAMES[what], password="wrong")
    assert answer.status in (400, 413, 422), answer.status
    refusals.check_quiet(answer)
    assert "<script>@" not in answer.text


PASSWORDS = {
    "nothing": "",
    "a NUL after the right one": PASSWORD + "\x00",
    "spaces around the right one": f" {PASSWORD} ",
    "another case of the right one": PASSWORD.upper(),
    "the right one cut": PASSWORD[:-1],
    "a thousand and one letters more": PASSWORD + "x" * 1025,
    "a hundred kilobytes": "x" * 100_000,
}


@pytest.mark.parametrize("what", PASSWORDS)
def test_a_password_counts_exactly_as_it_is(server: Standing, what: str) -> None:
    answer = try_to_sign_in(server.browser(), email=f"{abs(hash(what))}@example.test", password=PASSWORDS[what])
    assert answer.status in (400, 413, 422), answer.status
    person = server.person(f"p{len(what)}-{abs(hash(what)) % 1000}@example.test")
    answer = try_to_sign_in(server.browser(), email=person.email, password=PASSWORDS[what])
    assert answer.status in (400, 413, 422), answer.status
    refusals.check_quiet(answer)


TARGETS = (
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "/\t/evil.example",
    "http:evil.example", "javascript:alert(1)", "/%09/evil.example", "https:/evil.example", "/\r\nLocation: https://evil",
    "evil.example", "?x", "data:text/html,x", "//localhost:8000@evil.example/", "/" + "a" * 9000, " /",
)  # fmt: skip


@rows("number", range(len(TARGETS)))
def test_a_return_link_leads_to_our_own_pages_alone(server: Standing, number: int) -> None:
    from urllib.parse import quote

    target, browser = TARGETS[number], server.browser()
    server.person("alice@example.test")
    page = browser.get("/login?next=" + quote(target))
    assert page.status == 200
    form = page.form("/login")
    fields = form.filled(email="alice@example.test", password=PASSWORD)
    fields = [(name, value) for name, value in fields if name != "next"] + [("next", target)]
    answer = browser.send("POST", form.action, fields)
    assert answer.status == 303, answer.status
    location = answer.location.removeprefix(server.issuer)
    assert re.fullmatch(r"/(?![/\\])[\x21-\x7e]*", location), location
    assert "evil" not in location or location.startswith("/%"), location


CSRF: dict[str, dict[str, str | None]] = {
    "no token": {"csrf_token": None},
    "an empty token": {"csrf_token": ""},
    "garbage": {"csrf_token": "x.y"},
    "an old form's": {"csrf_token": "1." + "0" * 64},
    "a huge stamp": {"csrf_token": "f" * 5000 + ".00"},
    "a stamp of other digits": {"csrf_token": "٣.00"},
    "a negative stamp": {"csrf_token": "-1.00"},
}


@pytest.mark.parametrize("what", CSRF)
def test_a_form_without_its_own_token_is_refused(server: Standing, what: str) -> None:
    browser = server.browser()
    server.person("alice@example.test")
    form = browser.open("/login").form("/login")
    answer = browser.submit(form, email="alice@example.test", password=PASSWORD, **CSRF[what])
    assert answer.status == 400
    assert not any("session" in each.split("=")[0] for each in answer.all("Set-Cookie"))


def test_a_token_of_another_form_or_another_browser_is_refused(server: Standing) -> None:
    browser, other = server.browser(), server.browser()
    server.person("alice@example.test")
    form = browser.open("/login").form("/login")
    reset = dict(browser.open("/password/reset").form("/password/reset").filled())["csrf_token"]
    foreign = dict(other.open("/login").form("/login").filled())["csrf_token"]
    for token in (reset, foreign):
        answer = browser.submit(form, email="alice@example.test", password=PASSWORD, csrf_token=token)
        assert answer.status == 400


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_form_is_refused_even_with_a_good_token(server: Standing, site: str) -> None:
    browser = server.browser()
    server.person("alice@example.test")
    form = browser.open("/login").form("/login")
    fields = form.filled(email="alice@example.test", password=PASSWORD)
    answer = browser.send("POST", form.action, fields, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")
    assert answer.status in (400, 403)


@pytest.mark.parametrize("host", ["evil.example", "localhost:8001", "localhost.evil.example", "user@localhost:8000"])
def test_pages_answer_under_no_other_name(anonymous: Browser, host: str) -> None:
    answer = anonymous.get("/login", Host=host)
    assert answer.status in (307, 400, 421)
    assert "evil" not in answer.location and "evil" not in answer.text


@pytest.mark.parametrize("known", [True, False])
def test_a_reset_says_the_same_for_everybody(server: Standing, known: bool) -> None:
    if known:
        server.person("alice@example.test")
    email = "alice@example.test" if known else "nobody@example.test"
    browser = server.browser()
    answer = browser.submit(browser.open("/password/reset").form("/password/reset"), email=email)
    assert answer.status in (200, 303, 422, 503), answer.status
    assert "no account" not in answer.text.lower()


COOKIES = {
    "garbage": "garbage",
    "nothing": "",
    "quotes": '"',
    "a NUL": "a%00b",
    "four kilobytes": "x" * 4000,
    "no ASCII": "é",
    "an access token": "kaie_at_" + "0" * 36,
}


@rows("what", COOKIES)
@rows("name", ["authserver_session", "authserver_browser", "authserver_flash", "authserver_theme"])
def test_an_odd_cookie_is_nobody(server: Standing, name: str, what: str) -> None:
    browser = server.browser()
    value = COOKIES[what].encode().decode("latin-1")
    answer = browser.get("/", Cookie=f"{name}={value}")
    assert answer.status == 303, answer.status
    assert browser.get("/login", Cookie=f"{name}={value}").status == 200


@rows(
    "path", ["/admin/users/1'", "/apps/%00", "/apps/..%2f..%2fetc", "/apps/" + "x" * 5000, "/welcome/%ff", "/welcome/x",
             "/settings/api-keys/%F0%9F%A6%8A", "/connected-apps/x/revoke?x=%00", "/audit?page=-1&event=%00&from=x",
             "/audit?cursor=garbage", "/admin/users?page=99999999999999999999&q=%00", "/apps?q=%27",
             "/oauth/authorize/consent",
             "/oauth/authorize/continue?request=x", "/oauth/authorize/account?request=%00", "/login?request=%00",
             "/.git/config", "/static/../config.py", "/static/%2e%2e/pyproject.toml", "/wsgi.py", "/var/"],
)  # fmt: skip
def test_an_odd_path_is_a_page_and_never_a_fault(server: Standing, path: str) -> None:
    answer = server.browser("ada@example.test", "admin").open(path)
    assert answer.status in (200, 400, 404, 414, 422), (answer.status, answer.text[:300])
    refusals.check_quiet(answer)
