"""Every answer of an https server, crawled: headers, cookies, nonces, CORS (security.md 3.3, 3.4, 7.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest

from tests.support.browsing import Answer, Browser
from tests.support.standing import HTTPS, Standing, standing
from tests.support.tables import rows
from tests.support.third_party import App

HSTS = re.compile(r"max-age=(\d+); includeSubDomains")
NONCE = re.compile(r"'nonce-([A-Za-z0-9_-]+)'")
CACHEABLE = (
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/v1",
    "/openapi.json",
)
MACHINES = ("/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo", "/healthz", "/readyz", *CACHEABLE)


# Headers do not depend on the database.
@pytest.fixture(scope="module")
def server() -> Iterator[Standing]:
    with standing(
        "sqlite", issuer=HTTPS, smtp_url="smtp://127.0.0.1:9", mail_from="auth@example.test", playground="on"
    ) as found:
        yield found


@pytest.fixture(scope="module")
def app(server: Standing) -> App:
    return server.register("Notes", owner=server.person("ada@example.test", "admin"))


def crawl(browser: Browser, starts: list[str]) -> dict[str, Answer]:
    """Every page that links lead to, each path once; what leads away is not followed."""
    seen: dict[str, Answer] = {}
    waiting = [urljoin(browser.issuer, each) for each in starts]
    while waiting:
        url = waiting.pop().partition("#")[0]
        path = urlsplit(url).path
        if not url.startswith(browser.issuer + "/") or path in seen or path == "/logout":
            continue
        seen[path] = browser.get(url)
        if seen[path].header("Content-Type").startswith("text/html"):
            waiting += seen[path].links
        if seen[path].location:
            waiting.append(urljoin(url, seen[path].location))
    return seen


# Steps of a sign-in for an app, which may happen in a popup (contract 11.22).
SIGN_IN = ("consent", "redirect with a code", "form post")


@pytest.fixture(scope="module")
def pages(server: Standing, app: App) -> dict[str, Answer]:
    """What an administrator finds by clicking, and what anybody finds."""
    ada = server.browser("ada@example.test", "admin")
    app.tokens(ada)
    consent = ada.open(app.ask(prompt="consent").url)
    found = {f"ada {path}": answer for path, answer in crawl(ada, ["/", "/apps", "/settings/profile"]).items()}
    found |= {f"anybody {path}": answer for path, answer in crawl(server.browser(), ["/login", "/signup"]).items()}
    nobody = server.browser()
    found |= {
        "consent": consent,
        "bad client": nobody.get("/oauth/authorize?client_id=x"),
        "not found": nobody.get("/nowhere"),
        "bad form": nobody.send("POST", "/login", {"email": "x"}),
        "wrong method": nobody.send("DELETE", "/login"),
        "dead link": nobody.get("/welcome/x"),
        "sign-in needed": nobody.get("/apps"),
        "wrong host": nobody.get("/login", Host="evil.example"),
        "large": nobody.send("POST", "/login", {"email": "x" * 400_000}),
        "static": nobody.get("/static/css/app.css"),
        "missing static": nobody.get("/static/nothing.css"),
        "a well-known that is none": nobody.get("/.well-known/nothing"),
        "redirect with a code": app.sent_back(ada, app.ask()),
        "form post": ada.open(app.ask(response_mode="form_post").url),
    }
    return found


@pytest.fixture(scope="module")
def answers(server: Standing, app: App, pages: dict[str, Answer]) -> dict[str, Answer]:
    """The pages, and the answers of every machine endpoint, good and bad."""
    tokens = app.tokens(server.browser("ada@example.test"))
    found = dict(pages)
    for path in MACHINES:
        for method in ("GET", "POST", "OPTIONS", "PUT"):
            found[f"{method} {path}"] = app.send(method, path)
    found["introspection"] = app.post("/oauth/introspect", {"token": tokens["access_token"]})
    found["revocation"] = app.revoke("x")
    found["userinfo"] = app.userinfo(tokens["access_token"])
    found["refresh"] = app.refresh(tokens["refresh_token"])
    return found


def test_the_crawl_reaches_most_of_the_server(pages: dict[str, Answer]) -> None:
    assert len(pages) > 40, sorted(pages)
    assert not {name: each.status for name, each in pages.items() if each.status >= 500}


def test_every_answer_has_what_every_answer_must_have(answers: dict[str, Answer]) -> None:
    wrong = []
    for name, each in answers.items():
        age = HSTS.fullmatch(each.header("Strict-Transport-Security"))
        problems = {
            "HSTS": bool(age) and int(age[1]) >= 31_536_000 if age else False,
            "nosniff": each.header("X-Content-Type-Options") == "nosniff",
            "referrer": each.header("Referrer-Policy") == "no-referrer",
            "frame": each.header("X-Frame-Options") == "DENY",
            "coop": each.header("Cross-Origin-Opener-Policy") == ("unsafe-none" if name in SIGN_IN else "same-origin"),
            "corp": each.header("Cross-Origin-Resource-Policy") in ("same-origin", "cross-origin"),
            "permissions": "Permissions-Policy" in {key for key, _ in each.headers},
            "csp": "frame-ancestors 'none'" in each.header("Content-Security-Policy"),
            "server": not each.header("Server") and not each.header("X-Powered-By"),
            "type": bool(each.header("Content-Type")) or not each.body,
            "charset": "charset" in each.header("Content-Type") or not each.header("Content-Type").startswith("text/"),
            "once": all(
                len(each.all(key)) == 1 for key, _ in each.headers if key.lower() not in ("set-cookie", "vary")
            ),
        }
        wrong += [f"{name} ({each.status}): {problem}" for problem, good in problems.items() if not good]
    assert not wrong, "\n".join(wrong)


def test_nothing_personal_is_stored_by_caches(answers: dict[str, Answer]) -> None:
    wrong = []
    for name, each in answers.items():
        path = name.partition(" ")[2] or name
        if path in CACHEABLE or "static" in path:
            continue
        vary = {part.strip().lower() for value in each.all("Vary") for part in value.split(",")}
        if "no-store" not in each.header("Cache-Control") or not {"cookie", "authorization"} <= vary:
            wrong.append(f"{name} ({each.status}): {each.header('Cache-Control')!r} {sorted(vary)}")
    assert not wrong, "\n".join(wrong)


def test_documents_of_machines_may_be_cached_and_read_from_everywhere(answers: dict[str, Answer]) -> None:
    for path in CACHEABLE:
        each = answers[f"GET {path}"]
        assert "max-age" in each.header("Cache-Control") and "no-store" not in each.header("Cache-Control")
        assert each.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert answers["GET /.well-known/jwks.json"].header("ETag")


def test_json_is_a_dead_document(answers: dict[str, Answer]) -> None:
    for name, each in answers.items():
        if each.header("Content-Type").partition(";")[0] == "application/json":
            assert "default-src 'none'" in each.header("Content-Security-Policy"), name
            assert "sandbox" in each.header("Content-Security-Policy"), name


def test_the_policy_of_every_page_allows_only_what_carries_its_nonce(pages: dict[str, Answer]) -> None:
    for name, each in pages.items():
        if not each.header("Content-Type").startswith("text/html"):
            continue
        policy = dict(part.strip().partition(" ")[::2] for part in each.header("Content-Security-Policy").split(";"))
        assert policy["default-src"] == "'none'" and policy["object-src"] == "'none'", name
        assert policy["base-uri"] == "'none'" and policy["frame-ancestors"] == "'none'", name
        assert policy["require-trusted-types-for"] == "'script'" and policy["trusted-types"] == "'none'", name
        assert "unsafe-inline" not in str(policy) and "unsafe-eval" not in str(policy), name
        assert "report-to" in policy and each.header("Reporting-Endpoints"), name
        nonce = NONCE.search(policy["script-src"])
        assert nonce and len(nonce[1]) >= 22, name
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", each.text):
            assert f'nonce="{nonce[1]}"' in tag, (name, tag)
        assert not re.search(r"\s(?:on\w+|style)=\"", re.sub(r"<(?:svg|path)[^>]*>", "", each.text)), name


def test_form_action_is_left_out_only_where_a_person_leaves(pages: dict[str, Answer]) -> None:
    for name, each in pages.items():
        policy = each.header("Content-Security-Policy")
        if "default-src" not in policy or not each.header("Content-Type").startswith("text/html"):
            continue
        leaves = name in ("consent", "form post") or name.endswith(" /logout")
        assert ("form-action" not in policy) is leaves, (name, policy)
        assert leaves or "form-action 'self';" in policy, (name, policy)


def test_a_thousand_nonces_are_all_different(server: Standing) -> None:
    browser = server.browser()
    nonces = {NONCE.search(browser.get("/login").header("Content-Security-Policy"))[1] for _ in range(1000)}  # type: ignore[index]
    assert len(nonces) == 1000


def test_every_cookie_is_for_this_host_alone_and_out_of_reach(server: Standing, app: App) -> None:
    browser = server.browser()
    server.person("carol@example.test")
    form = browser.open("/login").form("/login")
    got = [browser.submit(form, email="carol@example.test", password="a walk along the river bank")]
    got += [server.browser().get("/login"), browser.get("/")]
    theme = browser.open("/").form("/settings/theme")
    got.append(browser.submit(theme, theme="dark"))
    got.append(browser.submit(browser.open("/logout").form("/logout")))
    cookies = [each for answer in got for each in answer.all("Set-Cookie")]
    assert len(cookies) >= 4, cookies
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert cookie.startswith("__Host-"), cookie
        open_to_frames = cookie.startswith("__Host-authserver_state=")  # a written deviation: contract 11.53
        # The theme, which is no secret, is set by a script as well: so it asks for nothing.
        for_scripts = cookie.startswith("__Host-authserver_appearance=")
        guarded = {"samesite=none"} if open_to_frames else {"samesite=lax"} | (set() if for_scripts else {"httponly"})
        assert {"secure", "path=/"} | guarded <= attributes, cookie
        assert not any(each.startswith("domain") for each in attributes), cookie
        assert len(cookie) < 4096


def test_signing_out_clears_what_the_browser_kept(server: Standing) -> None:
    server.person("carol@example.test")
    browser = server.browser("carol@example.test")
    answer = browser.submit(browser.open("/logout").form("/logout"))
    assert answer.header("Clear-Site-Data") == '"cache", "storage"'


def test_the_session_id_stays_in_its_cookie(server: Standing, pages: dict[str, Answer]) -> None:
    browser = server.browser("ada@example.test")
    token = next(value for name, value in browser.wire.cookies().items() if "session" in name)
    for path, answer in crawl(browser, ["/", "/settings/sessions"]).items():
        assert token not in answer.text and token not in answer.location and token not in path


def test_pages_load_nothing_from_elsewhere(pages: dict[str, Answer]) -> None:
    for name, each in pages.items():
        for found in re.findall(
            r'<(?:script|img|link|iframe|source|object|embed)\b[^>]*(?:src|href)="([^"]+)"', each.text
        ):
            assert found.startswith("/") and not found.startswith("//"), (name, found)


# ---- CORS ---------------------------------------------------------------------------------------------------

ORIGIN = "https://app.example.test"
FOREIGN = ("https://evil.example", "null", "https://app.example.test.evil.example", "https://evilapp.example.test",
           "http://app.example.test", "https://app.example.test:8443", "https://APP.example.test", "file://", "*",
           "https://app.example.test/callback", "https://x.app.example.test")  # fmt: skip
FOR_APPS = ("/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo")
NEVER = ("/login", "/", "/oauth/authorize", "/oauth/authorize/consent", "/apps", "/settings/api-keys", "/healthz")


@pytest.mark.parametrize("path", FOR_APPS)
def test_endpoints_of_apps_answer_pages_of_registered_origins(app: App, path: str) -> None:
    for method in ("POST", "OPTIONS"):
        more = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        answer = app.send(method, path, Origin=ORIGIN, **(more if method == "OPTIONS" else {}))
        assert answer.header("Access-Control-Allow-Origin") == ORIGIN, method
        assert not answer.header("Access-Control-Allow-Credentials")
        assert "origin" in ", ".join(answer.all("Vary")).lower()
    assert answer.status == 204 and "POST" in answer.header("Access-Control-Allow-Methods")
    assert "authorization" in answer.header("Access-Control-Allow-Headers").lower()


@rows("path", FOR_APPS)
@rows("origin", FOREIGN)
def test_no_other_origin_is_let_in(app: App, path: str, origin: str) -> None:
    for method in ("POST", "OPTIONS"):
        answer = app.send(method, path, Origin=origin, Access_Control_Request_Method="POST")
        assert not answer.header("Access-Control-Allow-Origin"), (method, answer.headers)


@pytest.mark.parametrize("path", CACHEABLE)
def test_documents_are_for_every_origin(app: App, path: str) -> None:
    answer = app.send("GET", path, Origin="https://anywhere.example")
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert not answer.header("Access-Control-Allow-Credentials")


@rows("path", NEVER)
@rows("origin", [ORIGIN, "https://evil.example", "null", HTTPS])
def test_pages_are_for_no_origin(server: Standing, path: str, origin: str) -> None:
    browser = server.browser("ada@example.test")
    for method in ("GET", "OPTIONS"):
        answer = browser.send(method, path, Origin=origin, Access_Control_Request_Method="GET")
        assert not any(name.lower().startswith("access-control") for name, _ in answer.headers), answer.headers


@pytest.mark.parametrize("mode", ["cors", "no-cors", "websocket"])
def test_another_site_embeds_nothing_of_ours(server: Standing, mode: str) -> None:
    browser = server.browser("ada@example.test")
    assert browser.get("/apps", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode).status == 403
