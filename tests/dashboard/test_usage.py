"""/usage: how far each limit is used, and how to change one."""

from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import clients
from authserver.domain.clients.metadata import Registration
from authserver.domain.ground import usage
from authserver.domain.insight import audit_search
from authserver.domain.limits import rate_limits
from authserver.lib import clock
from tests.conftest import Person
from tests.support import authorizing, forms

Browser = Callable[[], FlaskClient]


def signed_in(browser: Browser, person: Person) -> FlaskClient:
    http = browser()
    authorizing.sign_in(http, person)
    return http


def test_somebody_without_keys_learns_what_would_be_here(browser: Browser, alice: Person) -> None:
    page = signed_in(browser, alice).get("/usage").get_data(as_text=True)
    assert "Nothing has a limit yet" in page and "X-RateLimit-Remaining" in page


def test_each_key_has_a_meter_and_a_way_to_change_its_limit(browser: Browser, alice: Person, bob: Person) -> None:
    row, _ = api_keys.create(alice.user, api_keys.Wish("CI <b>", "read_only", rate_limit="4/hour"))
    for _ in range(5):
        rate_limits.consume(rate_limits.API_KEY, f"key:{row.id}", "4/hour", subject=f"key:{row.id}")
    page = signed_in(browser, alice).get("/usage").get_data(as_text=True)
    assert "CI &lt;b&gt;" in page and "4 / 4" in page and "<meter" in page
    assert f'href="/usage/keys/{row.id}"' in page
    assert row.id not in signed_in(browser, bob).get("/usage").get_data(as_text=True)


def test_administrators_see_everybodys_and_may_change_apps(browser: Browser, alice: Person, ada: Person) -> None:
    app_, _ = clients.register(alice.user, Registration(name="Job", kind="machine"))
    for person, sees_link in ((ada, True), (alice, False)):
        page = signed_in(browser, person).get("/usage").get_data(as_text=True)
        assert "Job" in page
        assert (f"/apps/{app_.id}/edit#rate_limit" in page) is sees_link


def test_a_limit_is_changed_by_its_owner(browser: Browser, alice: Person) -> None:
    row, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    http = signed_in(browser, alice)
    answer = forms.submit(http, f"/usage/keys/{row.id}", rate_limit="9/minute")
    assert answer.status_code == 303
    assert api_keys.get(alice.id, row.id).rate_limit == "9/minute"
    assert "9 requests a minute" in http.get("/usage").get_data(as_text=True)
    events, _ = audit_search.page(audit_search.Wanted(about=f"key:{row.id}"))
    assert events[0].type == "api_key.updated"


def test_a_limit_that_is_none_is_explained_and_kept(browser: Browser, alice: Person) -> None:
    row, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    answer = forms.submit(signed_in(browser, alice), f"/usage/keys/{row.id}", rate_limit="lots")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "<title>Error – " in page and 'value="lots"' in page and 'href="#rate_limit"' in page


def test_a_strangers_key_is_not_found(browser: Browser, alice: Person, mallory: Person) -> None:
    row, _ = api_keys.create(alice.user, api_keys.Wish("CI", "read_only"))
    assert signed_in(browser, mallory).get(f"/usage/keys/{row.id}").status_code == 404


def test_sample_figures_are_marked_and_go_with_a_click(browser: Browser, alice: Person, ada: Person) -> None:
    app_, _ = clients.register(alice.user, Registration(name="Job", kind="machine"))
    hour = clock.now() // usage.HOUR * usage.HOUR - usage.HOUR
    row = {"hour": hour, "metric": usage.TOKENS, "subject": f"client:{app_.id}", "count": 77, "sample": True}
    with database.transaction() as session:
        usage.put(session, [row])
    usage.count(usage.TOKENS, f"client:{app_.id}", 5)
    usage.flush()
    hers, admins = signed_in(browser, alice), signed_in(browser, ada)
    for http, path in ((hers, f"/apps/{app_.id}"), (hers, "/"), (admins, "/"), (admins, "/usage")):
        assert "with sample data" in http.get(path).get_data(as_text=True)
    assert "Remove sample data" not in hers.get("/").get_data(as_text=True)
    for path in ("/", "/usage"):
        assert "Remove sample data" in admins.get(path).get_data(as_text=True)
    assert forms.submit(admins, "/usage", "/usage/samples/remove").status_code == 303
    for http, path in ((hers, f"/apps/{app_.id}"), (admins, "/"), (admins, "/usage")):
        assert "sample data" not in http.get(path).get_data(as_text=True).replace("The sample data is gone", "")
    assert "<b>5</b>" in hers.get(f"/apps/{app_.id}").get_data(as_text=True)
