"""Redirect URIs (RFC 8252, RFC 9700 section 2.1, classes C1 and C3)."""

import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import redirect_uris
from tests.support.tables import rows

NATIVE_ONLY = ["com.example.app:/callback", "com.example.app://callback", "io.my-app.x:/a?b=c"]
FOR_ALL = [
    "https://app.example.com/cb",
    "https://app.example.com",
    "https://app.example.com:8443/cb?tenant=1",
    "https://xn--bcher-kva.example/cb",
    "https://example.com/a%20b",
    "http://localhost/cb",
    "http://localhost:3000/cb",
    "http://127.0.0.1:3000/cb",
    "http://[::1]:3000/cb",
    "https://my_app.internal/cb",
]


@rows("uri", FOR_ALL)
@rows("kind", ["web", "spa", "native"])
def test_https_and_loopback_can_be_registered_by_every_kind_of_app(uri: str, kind: str) -> None:
    assert redirect_uris.problem(uri, kind=kind) is None


@pytest.mark.parametrize("uri", NATIVE_ONLY)
def test_an_own_scheme_is_for_native_apps_alone(uri: str) -> None:
    assert redirect_uris.problem(uri, kind="native") is None
    assert "native" in (redirect_uris.problem(uri, kind="web") or "")
    assert "native" in (redirect_uris.problem(uri, kind="spa") or "")


REFUSED = [
    ("", "Enter"),
    ("/cb", "whole address"),
    ("//example.com/cb", "whole address"),
    ("app.example.com/cb", "whole address"),
    ("https:app.example.com", "two slashes"),
    ("https:/app.example.com", "two slashes"),
    ("https:///cb", "host"),
    ("https://", "host"),
    ("https://?x", "host"),
    ("https://:443/cb", "host"),
    ("http://example.com/cb", "https"),
    ("http://localhost.example.com/cb", "https"),
    ("http://127.0.0.2/cb", "https"),
    ("http://127.1/cb", "https"),
    ("http://2130706433/cb", "https"),
    ("http://0x7f.1/cb", "https"),
    ("http://[::ffff:127.0.0.1]/cb", "https"),
    ("http://127.0.0.1.nip.io/cb", "https"),
    ("http://0.0.0.0/cb", "https"),
    ("https://user@example.com/cb", "user name"),
    ("https://user:pw@example.com/cb", "user name"),
    ("https://example.com:443@evil.test/cb", "user name"),
    ("https://example.com@/cb", "user name"),
    ("http://localhost@evil.test/cb", "user name"),
    ("https://example.com/cb#frag", "fragment"),
    ("https://example.com/cb#", "fragment"),
    ("https://*.example.com/cb", "Wildcard"),
    ("https://example.com/*", "Wildcard"),
    ("https://example.com\\@evil.test/cb", "backslash"),
    ("https:\\\\example.com/cb", "backslash"),
    ("https://example.com/c b", "space"),
    (" https://example.com/cb", "space"),
    ("https://example.com/cb\n", "line break"),
    ("https://example.com/cb\r\nSet-Cookie:x", "line break"),
    ("https://exam\tple.com/cb", "invisible"),
    ("https://example.com/cb\0", "invisible"),
    ("https://example.com/cb\x7f", "invisible"),
    ("https://exämple.com/cb", "ASCII"),
    ("https://example.com/cb\u200b", "ASCII"),
    ("https://еxample.com/cb", "ASCII"),
    ("https://example。com/cb", "ASCII"),
    ("https://example.com/%", "encoded"),
    ("https://example.com/%zz", "encoded"),
    ('https://example.com/"><script>', "encoded"),
    ("https://example.com/{id}", "encoded"),
    ("https://exa%6dple.com/cb", "host"),
    ("https://example..com/cb", "host"),
    ("https://example.com./cb", "host"),
    ("https://-example.com/cb", "host"),
    ("https://exa;mple.com/cb", "host"),
    ("https://[::1/cb", "host"),
    ("https://[::zz]/cb", "host"),
    ("https://[1.2.3.4]/cb", "host"),
    ("https://::1/cb", "host"),
    ("https://" + "a" * 64 + "." * 1 + "b" * 200 + "/cb", "host"),
    ("https://example.com:/cb", "port"),
    ("https://example.com:0/cb", "port"),
    ("https://example.com:65536/cb", "port"),
    ("https://example.com:99999999999/cb", "port"),
    ("https://example.com:+80/cb", "port"),
    ("https://example.com:080/cb", "port"),
    ("https://example.com/a/../cb", "steps"),
    ("https://example.com/./cb", "steps"),
    ("https://example.com/..", "steps"),
    ("https://example.com/%2e%2E/cb", "steps"),
    ("https://Example.com/cb", "lower case"),
    ("HTTPS://example.com/cb", "lower case"),
    ("https://example.com/" + "x" * 2000, "2000"),
]


@rows(("uri", "says"), REFUSED)
@rows("kind", ["web", "spa", "native"])
def test_a_dangerous_address_is_refused_with_a_helpful_sentence(uri: str, says: str, kind: str) -> None:
    found = redirect_uris.problem(uri, kind=kind)
    assert found
    assert says in found
    assert found.endswith((".", ")"))


SCHEMES = [
    "javascript",
    "data",
    "file",
    "vbscript",
    "about",
    "blob",
    "filesystem",
    "view-source",
    "ftp",
    "ws",
    "wss",
    "mailto",
    "intent",
    "chrome",
    "chrome-extension",
    "ms-settings",
    "search-ms",
    "moz-extension",
    "ssh",
    "urn",
    "x..y",
    ".app",
    "1app",
    "JavaScript",
    "javascript.",
    "com.Example.app",
    "com..app",
]


@rows("scheme", SCHEMES)
@rows("rest", [":alert(1)", "://x/cb", ":/cb"])
def test_a_scheme_that_means_something_else_is_refused_for_everybody(scheme: str, rest: str) -> None:
    for kind in redirect_uris.KINDS:
        assert redirect_uris.problem(scheme + rest, kind=kind)


@pytest.mark.parametrize(
    ("uri", "by_itself"),
    [
        ("cursor://anysphere.cursor-retrieval/oauth/callback", True),
        ("vscode://vscode.github-authentication/did-authenticate", True),
        ("vscode-insiders://x/cb", True),
        ("claude://claude.ai/mcp/callback", True),
        ("com.example.app:/cb", True),
        ("io.my+app.x:/cb", True),
        ("myapp://callback", False),
        ("my-app:/cb", False),
        ("obsidian://cb?x=1", False),
    ],
)
def test_a_native_app_may_have_a_scheme_of_its_own(uri: str, by_itself: bool) -> None:
    """An app that registers itself gets those alone that another app would not claim (contract 11.45)."""
    assert redirect_uris.problem(uri, kind="native") is None
    assert (redirect_uris.problem(uri, kind="native", self_registered=True) is None) is by_itself
    assert redirect_uris.problem(uri, kind="web") and redirect_uris.problem(uri, kind="spa")


def test_a_scheme_with_an_underscore_is_told_that_there_is_none() -> None:
    for uri in ("com.example.my_app:/cb", "my_app://cb"):
        assert "no underscore" in (redirect_uris.problem(uri, kind="native") or "")


@pytest.mark.parametrize(
    "uri", ["com.example.app:", "com.example.app://", "cursor://", "myapp:", "com.example.app://u@h/cb"]
)
def test_an_own_scheme_needs_a_path_and_no_user(uri: str) -> None:
    assert redirect_uris.problem(uri, kind="native")


@given(st.text(alphabet=st.characters(codec=None)))
def test_no_text_makes_the_rules_raise(text: str) -> None:
    for kind in redirect_uris.KINDS:
        redirect_uris.problem(text, kind=kind)
    redirect_uris.matches(text, FOR_ALL, native=True)
    redirect_uris.is_loopback(text)
    redirect_uris.is_custom_scheme(text)


@given(st.sampled_from(FOR_ALL + NATIVE_ONLY), st.data())
def test_what_can_be_registered_can_be_answered_to(uri: str, data: st.DataObject) -> None:
    assert redirect_uris.origin(uri)
    assert redirect_uris.display_host(uri)


# Matching


@rows("uri", FOR_ALL + NATIVE_ONLY)
@rows("native", [True, False])
def test_the_very_bytes_match(uri: str, native: bool) -> None:
    assert redirect_uris.matches(uri, [uri], native=native)


REGISTERED = ["https://app.example.com/cb", "http://127.0.0.1:3000/cb", "http://localhost/cb?x=1", "http://[::1]/cb"]

DIFFERENT = [
    "",
    "https://app.example.com/cb/",
    "https://app.example.com/cb?",
    "https://app.example.com/cb?x",
    "https://app.example.com/cb#",
    "https://app.example.com/CB",
    "https://APP.example.com/cb",
    "HTTPS://app.example.com/cb",
    "https://app.example.com:443/cb",
    "https://app.example.com:8443/cb",
    "http://app.example.com/cb",
    "https://app.example.com/%63b",
    "https://app.example.com/./cb",
    "https://app.example.com/x/../cb",
    "https://app.example.com//cb",
    "https://app.example.com\\cb",
    "https://evil.test/cb",
    "https://app.example.com.evil.test/cb",
    "https://app.example.com@evil.test/cb",
    "https://evil.test/https://app.example.com/cb",
    "https://u@app.example.com/cb",
    " https://app.example.com/cb",
    "https://app.example.com/cb\n",
    "https://app.example.com/cb\t",
    "https://app.example.com/cb\0",
    "https://app.example.com/cb%00",
    "https://app.example.com./cb",
    "//app.example.com/cb",
    "http://localhost:3000/cb",
    "http://127.0.0.1:3000/cb/",
    "http://127.0.0.1:3000/cb?x=1",
    "http://127.0.0.1:3000/Cb",
    "http://127.0.0.1:3000@evil.test/cb",
    "http://127.0.0.1@evil.test/cb",
    "http://127.0.0.1:1@evil.test/cb",
    "http://127.0.0.1:x/cb",
    "http://127.0.0.1:/cb",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:65536/cb",
    "http://127.0.0.1:03000/cb",
    "http://127.0.0.1:٣/cb",
    "http://127.0.0.1:-1/cb",
    "http://127.0.0.1:+1/cb",
    "http://127.0.0.1: 1/cb",
    "http://127.0.0.1:3000\\/cb",
    "http://127.0.0.1.evil.test/cb",
    "http://127.0.0.1:3000.evil.test/cb",
    "http://127.0.0.2:3000/cb",
    "http://127.1:3000/cb",
    "http://0x7f000001/cb",
    "https://127.0.0.1:3000/cb",
    "HTTP://127.0.0.1:3000/cb",
    "http://127.0.0.1:3000/cb#",
    "http://127.0.0.1:4000/cb\n",
    "http://LOCALHOST/cb?x=1",
    "http://localhost./cb?x=1",
    "http://localhost/cb",
    "http://localhost/cb?x=2",
    "http://localhost:80/cb?x=1&y",
    "http://[::1]:80/cb/",
    "http://[0:0:0:0:0:0:0:1]/cb",
    "http://[::1/cb",
    "http://::1/cb",
    "http://[::ffff:127.0.0.1]/cb",
]


@rows("received", DIFFERENT)
@rows("native", [True, False])
def test_anything_else_does_not_match(received: str, native: bool) -> None:
    assert not redirect_uris.matches(received, REGISTERED, native=native)


@pytest.mark.parametrize(
    "received",
    [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "http://localhost:5/cb?x=1",
        "http://[::1]:9/cb",
    ],
)
def test_only_a_native_app_may_come_from_another_loopback_port(received: str) -> None:
    assert redirect_uris.matches(received, REGISTERED, native=True)
    assert not redirect_uris.matches(received, REGISTERED, native=False)


pieces = st.lists(
    st.sampled_from(
        [
            "http://",
            "https://",
            "127.0.0.1",
            "localhost",
            "[::1]",
            "evil.test",
            ":",
            "3000",
            "0",
            "/cb",
            "?x=1",
            "@",
            "#",
            "\\",
            ".",
            "%2f",
            "\n",
            "\t",
            "//",
            "٣",
        ]
    )
)


@given(pieces.map("".join) | st.text(), st.booleans())
def test_a_match_never_differs_in_anything_but_the_port(received: str, native: bool) -> None:
    if not redirect_uris.matches(received, REGISTERED, native=native):
        return
    assert any(
        received == uri
        or (
            native
            and (urlsplit(received)._replace(netloc=""), urlsplit(received).hostname)
            == (urlsplit(uri)._replace(netloc=""), urlsplit(uri).hostname)
            and "@" not in received
        )
        for uri in REGISTERED
    )


# Answers


def test_parameters_are_appended_to_the_registered_query() -> None:
    uri = redirect_uris.append(
        "https://a.test/cb?tenant=1&x=%41+b", {"code": "c", "state": "a b&c=d", "iss": "https://as.test", "scope": None}
    )
    assert uri == "https://a.test/cb?tenant=1&x=%41+b&code=c&state=a%20b%26c%3Dd&iss=https%3A%2F%2Fas.test"


@pytest.mark.parametrize(
    "query",
    [
        "code=evil",
        "c%6fde=evil",
        "state=evil&state=evil2",
        "iss=evil",
        "error=evil",
        "a=1&code=evil&b=2",
        "code",
        "&&code=evil&",
    ],
)
@pytest.mark.parametrize("params", [{"code": "c", "state": "s", "iss": "i"}, {"error": "access_denied", "iss": "i"}])
def test_the_answer_has_each_response_parameter_once_and_ours(query: str, params: dict[str, str]) -> None:
    answer = redirect_uris.append(f"https://a.test/cb?{query}", params)
    fields = [pair for pair in parse_qsl(urlsplit(answer).query) if pair[0] not in ("a", "b")]
    assert sorted(fields) == sorted(params.items())


def test_nothing_to_add_leaves_the_address_alone() -> None:
    assert redirect_uris.append("https://a.test/cb", {}) == "https://a.test/cb"
    assert redirect_uris.append("com.example.app:/cb", {"code": "x"}) == "com.example.app:/cb?code=x"


@given(st.text())
def test_state_comes_back_as_it_was(state: str) -> None:
    answer = redirect_uris.append("https://a.test/cb", {"state": state})
    assert answer.isascii()
    assert dict(parse_qsl(urlsplit(answer).query, keep_blank_values=True)) == {"state": state}


@pytest.mark.parametrize(
    ("uri", "origin", "host"),
    [
        ("https://app.example.com/cb", "https://app.example.com", "app.example.com"),
        ("https://app.example.com:443/cb", "https://app.example.com", "app.example.com:443"),
        ("https://app.example.com:8443?x", "https://app.example.com:8443", "app.example.com:8443"),
        ("http://localhost:3000/cb", "http://localhost:3000", "localhost:3000"),
        ("http://[::1]:3000/cb", "http://[::1]:3000", "[::1]:3000"),
        ("com.example.app:/cb", "com.example.app:", "com.example.app"),
        ("com.example.app://host/cb", "com.example.app:", "com.example.app"),
    ],
)
def test_origin_and_the_name_shown_to_people(uri: str, origin: str, host: str) -> None:
    assert redirect_uris.origin(uri) == origin
    assert redirect_uris.display_host(uri) == host


@pytest.mark.parametrize("uri", ["", "x", "https://", "https://a;b/cb", "https:///x", "https://a b/"])
def test_no_origin_is_made_up(uri: str) -> None:
    with pytest.raises(ValueError, match="not a redirect URI"):
        redirect_uris.origin(uri)


def test_loopback_and_own_schemes_are_recognised() -> None:
    assert redirect_uris.is_loopback("http://127.0.0.1:3000/cb")
    assert not redirect_uris.is_loopback("https://127.0.0.1:3000/cb")
    assert not redirect_uris.is_loopback("http://127.0.0.1:3000@evil.test/")
    assert redirect_uris.is_custom_scheme("com.example.app:/cb")
    assert not redirect_uris.is_custom_scheme("https://app.example.com")


@pytest.mark.parametrize("unit", ["a", "https://", "http://127.0.0.1:", "a.", "%", "%2e/", "-", ":", "["])
def test_a_huge_address_is_refused_quickly(unit: str) -> None:
    for uri in (unit * (100_000 // len(unit)), ("https://" + unit * 2000)[:2000], ("com.x:" + unit * 2000)[:2000]):
        start = time.perf_counter()
        redirect_uris.problem(uri, kind="native")
        redirect_uris.matches(uri, REGISTERED, native=True)
        assert time.perf_counter() - start < 0.05


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://app.example/cb", "https://app.example/cb#code=a%26b&state=%23%20x"),
        ("https://app.example/cb?own=1&code=x", "https://app.example/cb?own=1&code=x#code=a%26b&state=%23%20x"),
        ("com.example.app:/cb", "com.example.app:/cb#code=a%26b&state=%23%20x"),
    ],
)
def test_an_answer_may_stand_in_the_fragment(uri: str, expected: str) -> None:
    """Multiple Response Types 1.0, section 2.1; what is None is left out, and nothing ends the fragment early."""
    made = redirect_uris.append_fragment(uri, {"code": "a&b", "state": "# x", "iss": None})
    assert made == expected.replace("&code=x#", "#")
