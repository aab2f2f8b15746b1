"""`authserver doctor --mcp`: each thing that may be wrong on a client's way, in words, and whose fault it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from authserver import cli
from tests.support import answering, databases, served
from tests.support.answering import Host
from tests.support.served import Refused, Served, free_port

pytestmark = pytest.mark.served

Found = dict[str, dict[str, str]]
MCP, OURS, NETWORK = "MCP server", "authorization server", "network"
OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
CORS = {"Access_Control_Allow_Origin": "*", "Access_Control_Allow_Headers": "authorization, content-type"}


@pytest.fixture(scope="module")
def server() -> Served:
    return served.shared(served.KINDS[0], registration="open", workers=1)


@pytest.fixture
def host() -> Iterator[Host]:
    with answering.host() as made:
        yield made


def read(host: Host) -> str:
    """A scope of its own: each belongs to one API."""
    return f"notes{host.origin.rpartition(':')[2]}:read"


def describe(host: Host, issuer: str, **changes: Any) -> str:
    """A right MCP server at /mcp, its description with these members changed; the server's URL."""
    url = f"{host.origin}/mcp"
    said = {"resource": url, "authorization_servers": [issuer], "scopes_supported": [read(host)], **changes}
    host.say("GET", f"{WELL_KNOWN}/mcp", body={name: each for name, each in said.items() if each is not None}, **CORS)
    where = f'Bearer resource_metadata="{host.origin}{WELL_KNOWN}/mcp"'
    host.say("POST", "/mcp", 401, {}, WWW_Authenticate=where, **CORS)
    host.say("OPTIONS", "/mcp", 204, **CORS)
    return url


def doctor(server: Served, url: str, *words: str, stdin: str = "") -> Found:
    """What it found, by check."""
    try:
        found = server.cli("doctor", "--mcp", url, *words, stdin=stdin)
    except Refused as refused:
        assert refused.code == 1, refused
        found = json.loads(refused.text[refused.text.index("[") :])
    return {each["check"]: each for each in found}


def registered(server: Served, host: Host) -> None:
    server.cli("resource", "create", f"{host.origin}/mcp", "--name", "Notes", "--scope", read(host), "--open")
    until_known(server, read(host))


def until_known(server: Served, scope: str) -> None:
    """The serving process learns of what the command line changed within a second."""
    until = time.monotonic() + 10
    while scope not in requests.get(server.issuer + OAUTH, timeout=10).json()["scopes_supported"]:
        assert time.monotonic() < until, scope
        time.sleep(0.1)


def unhappy(found: Found) -> list[str]:
    return [f"{each['check']}: {each['text']}" for each in found.values() if each["state"] in ("bad", "warn")]


# ---- all is right


def test_a_right_server_is_walked_until_a_person_would_have_to_allow(server: Served, host: Host) -> None:
    url = describe(host, server.issuer)
    registered(server, host)
    found = doctor(server, url)
    assert unhappy(found) == []
    assert "from here a person signs in" in found["authorization"]["text"]
    assert "token" not in found


def test_what_it_registered_is_gone_afterwards(server: Served, host: Host) -> None:
    url = describe(host, server.issuer)
    assert "registered itself" in doctor(server, url)["registration"]["text"]
    assert [each for each in server.cli("client", "list") if each["name"] == "authserver doctor"] == []


def test_with_a_secret_a_token_is_made_and_taken_there(server: Served, host: Host) -> None:
    url = describe(host, server.issuer)
    registered(server, host)
    made = server.cli("client", "create", "--name", "Job", "--grant", "client_credentials", "--resource", url,
                      "--scope", read(host))  # fmt: skip
    words = ("--client-id", made["client_id"], "--client-secret-stdin")
    found = doctor(server, url, *words, stdin=made["client_secret"] + "\n")
    assert found["token"]["text"] == f"client credentials give one for {url}, with {read(host)}"
    assert (found["call"]["state"], found["call"]["fault"]) == ("bad", MCP)  # it says 401 to everybody
    assert [got[2]["authorization"][:9] for got in host.got if "authorization" in got[2]] == ["Bearer ey"]
    host.say("POST", "/mcp", 200, {"jsonrpc": "2.0", "id": 1, "result": {}})
    assert doctor(server, url, *words, stdin=made["client_secret"] + "\n")["call"]["state"] == "ok"


def test_a_wrong_secret_is_told_as_what_it_is(server: Served, host: Host) -> None:
    url = describe(host, server.issuer)
    found = doctor(server, url, "--client-id", "nobody", "--client-secret-stdin", stdin="wrong\n")
    assert (found["token"]["state"], found["token"]["fault"]) == ("bad", OURS)
    assert "invalid_client" in found["token"]["text"] and "rotate-secret nobody" in found["token"]["remedy"]


# ---- wrong MCP servers: what is wrong with it, the check that says so, state, words of the sentence and of the remedy

Change = Callable[[Host, str], None]


def no_challenge(host: Host, _issuer: str) -> None:
    host.say("POST", "/mcp", 401, {})


def another_scheme(host: Host, _issuer: str) -> None:
    host.say("POST", "/mcp", 401, {}, WWW_Authenticate='Basic realm="notes"')


def no_address(host: Host, _issuer: str) -> None:
    host.say("POST", "/mcp", 401, {}, WWW_Authenticate="Bearer")


def open_to_all(host: Host, _issuer: str) -> None:
    host.say("POST", "/mcp", 200, {"jsonrpc": "2.0", "id": 1, "result": {}})


def elsewhere(host: Host, _issuer: str) -> None:
    host.say("POST", "/mcp", 404, {})


def moved(host: Host, _issuer: str) -> None:
    host.say("POST", "/mcp", 307, {}, Location="/mcp/")


def broken(host: Host, _issuer: str) -> None:
    host.say("POST", "/mcp", 500, {})


def no_description(host: Host, _issuer: str) -> None:
    host.forget("GET", f"{WELL_KNOWN}/mcp")


def no_json(host: Host, _issuer: str) -> None:
    host.say("GET", f"{WELL_KNOWN}/mcp", body=b"<h1>Welcome</h1>")


def at_the_root_alone(host: Host, _issuer: str) -> None:
    host.rows["GET", WELL_KNOWN] = host.rows.pop(("GET", f"{WELL_KNOWN}/mcp"))


def no_cors(host: Host, _issuer: str) -> None:
    host.forget("OPTIONS", "/mcp")


def member(**changes: Any) -> Change:
    def change(host: Host, issuer: str) -> None:
        here = {name: value(host, issuer) if callable(value) else value for name, value in changes.items()}
        describe(host, issuer, **here)

    return change


WRONG: list[tuple[str, Change, str, str, str, str]] = [
    ("no challenge", no_challenge, "challenge", "bad", "no WWW-Authenticate", "WWW-Authenticate: Bearer resource_"),
    ("another scheme", another_scheme, "challenge", "bad", "names no Bearer", "WWW-Authenticate: Bearer resource_"),
    ("no address in it", no_address, "challenge", "warn", "no resource_metadata", "WWW-Authenticate: Bearer resource_"),
    ("open to all", open_to_all, "MCP server", "bad", "everybody may call it", "401"),
    ("another path", elsewhere, "MCP server", "bad", "no MCP endpoint at this address (404)", "/mcp"),
    ("a redirect", moved, "MCP server", "bad", "redirects to /mcp/", "the last address"),
    ("a fault", broken, "MCP server", "bad", "answers 500 instead of 401", "its log"),
    ("no description", no_description, "resource metadata", "bad", "there is none", WELL_KNOWN + "/mcp"),
    ("no JSON", no_json, "resource metadata", "bad", "no JSON object", WELL_KNOWN + "/mcp"),
    ("elsewhere", at_the_root_alone, "resource metadata", "bad", "not where the challenge says", "resource_metadata"),
    ("at the root alone", at_the_root_alone, "well-known path", "warn", "do not read the challenge", "the same JSON"),
    ("no resource", member(resource=None), "resource", "bad", "names no resource", '"resource": "http://127'),
    ("another resource", member(resource="https://other.example/mcp"), "resource", "bad", "that of https://other.",
     '"resource": "http://127'),
    ("a resource beside it", member(resource=lambda host, _: f"{host.origin}/mc"), "resource", "bad", "is that of",
     "/mcp"),
    ("the resource above it", member(resource=lambda host, _: host.origin), "resource", "warn", "is above", "/mcp"),
    ("nobody to ask", member(authorization_servers=None), "authorization server", "bad", "names none", "http://local"),
    ("somebody else first", member(authorization_servers=lambda _, issuer: ["https://a.example", issuer]),
     "authorization server", "bad", "the first alone", "http://localhost"),
    ("somebody else", member(authorization_servers=["https://a.example"]), "authorization server", "bad",
     "sent to https://a.example", "http://localhost"),
    ("a slash too many", member(authorization_servers=lambda _, issuer: [issuer + "/"]), "authorization server", "bad",
     "byte for byte", "AnyHttpUrl"),
    ("another case", member(authorization_servers=lambda _, issuer: [issuer.replace("localhost", "LOCALHOST")]),
     "authorization server", "bad", "byte for byte", "http://localhost"),
    ("https for http", member(authorization_servers=lambda _, issuer: [issuer.replace("http:", "https:")]),
     "authorization server", "bad", "the wrong scheme", "http://localhost"),
    ("no scopes", member(scopes_supported=None), "scopes", "warn", "ask for everything", "scopes_supported"),
    ("no CORS", no_cors, "MCP server in browsers", "warn", "pages may not send it a token", "MCP-Protocol-Version"),
]  # fmt: skip


@pytest.fixture(scope="module")
def resource(server: Served) -> Iterator[Host]:
    """One registered address for the whole table; what answers there changes with the row."""
    with answering.host() as made:
        registered(server, made)
        yield made


@pytest.mark.parametrize("row", WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_with_an_mcp_server_is_its_own_fault(
    server: Served, resource: Host, row: tuple[str, Change, str, str, str, str]
) -> None:
    _, change, check, state, said, remedy = row
    resource.rows.clear()
    describe(resource, server.issuer)
    change(resource, server.issuer)
    told = doctor(server, f"{resource.origin}/mcp")[check]
    assert (told["state"], told["fault"]) == (state, MCP), told
    assert said in told["text"]
    assert remedy in told["remedy"]


def test_a_walk_that_cannot_go_on_says_what_it_left_out(server: Served, host: Host) -> None:
    found = doctor(server, describe(host, server.issuer, authorization_servers=["https://a.example"]))
    assert found["the rest"]["state"] == "skip"
    assert {"PKCE", "registration", "call"} <= set(found["the rest"]["text"].partition(": ")[2].split(", "))


def test_a_slash_too_many_does_not_end_the_walk(server: Served, host: Host) -> None:
    found = doctor(server, describe(host, server.issuer, authorization_servers=[server.issuer + "/"]))
    assert found["authorization server"]["state"] == "bad" and found["PKCE"]["state"] == "ok"


# ---- what is not set up here


def test_an_api_that_nobody_registered_is_named_with_the_line_that_does(server: Served, host: Host) -> None:
    url = describe(host, server.issuer)
    found = doctor(server, url)
    assert (found["API"]["state"], found["API"]["fault"]) == ("bad", OURS)
    expected = f'authserver resource create {url} --name "My MCP server" --scope "{read(host)}" --open'
    assert found["API"]["remedy"] == expected
    assert "the request is refused" in found["authorization"]["text"]
    server.cli(*(word.strip('"') for word in expected.replace("My MCP server", "Notes").split(" ")[1:]))
    until_known(server, read(host))
    assert unhappy(doctor(server, url)) == []


def test_an_api_that_is_closed_to_strangers_is_told(server: Served, host: Host) -> None:
    url = describe(host, server.issuer)
    server.cli("resource", "create", url, "--name", "Notes", "--scope", read(host))
    told = doctor(server, url)["API"]
    assert (told["state"], told["fault"], told["remedy"]) == ("warn", OURS, f"authserver resource update {url} --open")


def test_a_scope_that_this_server_does_not_know_is_told(server: Served, host: Host) -> None:
    url = describe(host, server.issuer, scopes_supported=[read(host), "notes:burn"])
    registered(server, host)
    told = doctor(server, url)["scopes"]
    assert (told["state"], told["fault"]) == ("bad", OURS)
    assert "clients ask for notes:burn" in told["text"] and f'--scope "{read(host)} notes:burn"' in told["remedy"]


def test_a_scope_of_another_api_is_told(server: Served, host: Host) -> None:
    with answering.host() as other:
        registered(server, other)
    url = describe(host, server.issuer, scopes_supported=[read(host), read(other)])
    registered(server, host)
    told = doctor(server, url)["API"]
    assert (told["state"], told["fault"]) == ("bad", OURS)
    assert f"{read(other)} belongs to another API, {other.origin}/mcp" in told["text"]


def test_the_scope_of_the_challenge_goes_before_that_of_the_description(server: Served, host: Host) -> None:
    url = describe(host, server.issuer, scopes_supported=["notes:burn"])
    registered(server, host)
    where = f'Bearer scope="{read(host)}", resource_metadata="{host.origin}{WELL_KNOWN}/mcp"'
    host.say("POST", "/mcp", 401, {}, WWW_Authenticate=where, **CORS)
    assert doctor(server, url)["scopes"]["text"] == f"clients ask for {read(host)}"


def test_without_documents_and_registration_it_says_so() -> None:
    strict = served.shared(served.KINDS[0], registration="off", cimd="off", workers=1)
    with answering.host() as host:
        told = doctor(strict, describe(host, strict.issuer))["registration"]
    assert (told["state"], told["fault"]) == ("warn", OURS)
    assert "AUTHSERVER_CIMD=on" in told["remedy"]


# ---- the network, and what is not called at all


def test_a_server_that_is_not_there_is_the_networks_fault(server: Served) -> None:
    found = doctor(server, f"http://127.0.0.1:{free_port()}/mcp")
    assert (found["MCP server"]["state"], found["MCP server"]["fault"]) == ("bad", NETWORK)
    assert "The connection was refused." in found["MCP server"]["text"]


@pytest.mark.parametrize("url", ["http://10.1.2.3/mcp", "https://169.254.169.254/mcp", "http://8.8.8.8/mcp"])
def test_the_outbound_rules_hold_with_loopback_open(server: Served, url: str) -> None:
    told = doctor(server, url)["MCP server"]
    assert told["fault"] == NETWORK and "nothing is sent" in told["text"]
    assert "AUTHSERVER_OUTBOUND_ALLOW=" in told["remedy"]


def test_options_of_a_walk_need_one(server: Served) -> None:
    for words in (("--client-id", "x"), ("--mcp", "http://127.0.0.1:1/mcp", "--client-secret-stdin")):
        with pytest.raises(Refused) as refused:
            server.cli("doctor", *words)
        assert refused.value.code == 2


# ---- wrong authorization servers: something else, or a proxy, answers under the issuer


def metadata(issuer: str, **changes: Any) -> dict[str, Any]:
    said = {
        "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
        "code_challenge_methods_supported": ["S256"], "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": ["notes:read"], "client_id_metadata_document_supported": True, **changes,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value != "missing"}


BOTH = (OAUTH, OPENID)


def under(host: Host, status: int = 200, body: Any = None, *, paths: tuple[str, ...] = BOTH) -> None:
    for path in BOTH:
        host.forget("GET", path)
    for path in paths:
        host.say("GET", path, status, metadata(host.origin) if body is None else body, **CORS)


WRONG_ISSUERS: list[tuple[str, Callable[[Host], None], str, str, str]] = [
    ("nothing there", lambda host: under(host, 404), "server metadata", "bad", "there is none at"),
    ("a redirect to a sign-in", lambda host: under(host, 302), "server metadata", "bad", "answers 302, at which"),
    ("a fault", lambda host: under(host, 502), "server metadata", "bad", "answers 502, at which clients stop"),
    ("a page", lambda host: under(host, body=b"<h1>It works!</h1>"), "server metadata", "bad", "is no JSON object"),
    ("OpenID's alone", lambda host: under(host, paths=(OPENID,)), "server metadata", "warn", "only at"),
    ("OAuth's alone", lambda host: under(host, paths=(OAUTH,)), "server metadata", "warn", "but not at"),
    ("another issuer", lambda host: under(host, body=metadata("https://auth.example")), "issuer", "bad",
     "is that of https://auth.example"),
    ("a slash too many", lambda host: under(host, body=metadata(host.origin + "/")), "issuer", "bad", "refuse it"),
    ("no token endpoint", lambda host: under(host, body=metadata(host.origin, token_endpoint="missing")), "endpoints",
     "bad", "has no token_endpoint"),
    ("a null", lambda host: under(host, body=metadata(host.origin, registration_endpoint=None)), "endpoints", "bad",
     "null in the metadata: registration_endpoint"),
    ("no PKCE", lambda host: under(host, body=metadata(host.origin, code_challenge_methods_supported="missing")),
     "PKCE", "bad", "S256 is not advertised"),
    ("plain PKCE", lambda host: under(host, body=metadata(host.origin, code_challenge_methods_supported=["plain"])),
     "PKCE", "bad", "S256 is not advertised (plain)"),
    ("secrets alone", lambda host: under(host, body=metadata(
        host.origin, token_endpoint_auth_methods_supported=["client_secret_basic"])), "client authentication", "bad",
     "apps without a secret are not announced"),
    ("no token endpoint behind it", lambda host: host.forget("POST", "/token"), "token endpoint", "bad", "with 404"),
    ("no CORS", lambda host: host.say("GET", OAUTH, body=metadata(host.origin)), "browsers", "bad", "metadata"),
]  # fmt: skip


@pytest.mark.parametrize("row", WRONG_ISSUERS, ids=[row[0] for row in WRONG_ISSUERS])
def test_what_is_wrong_under_the_issuer_is_the_authorization_servers_fault(
    host: Host,
    row: tuple[str, Callable[[Host], None], str, str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    _, change, check, state, said = row
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTHSERVER_SECRET_KEY", databases.SECRET_KEY)
    monkeypatch.setenv("AUTHSERVER_ISSUER", host.origin)
    under(host)
    host.say("POST", "/token", 400, {"error": "invalid_grant"}, Cache_Control="no-store")
    change(host)
    url = describe(host, host.origin)
    cli.main(["doctor", "--mcp", url, "--json"])
    told = {each["check"]: each for each in json.loads(capsys.readouterr().out)}[check]
    assert (told["state"], told["fault"]) == (state, OURS), told
    assert said in told["text"]
    assert told["remedy"]
