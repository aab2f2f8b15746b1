"""Parameters of protocol requests (trap T9, lines O4 and 15.3.7, classes C3, C28, C29)."""

import contextlib
import time
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import form_body

names = st.text(min_size=1, max_size=10).filter(lambda t: "\0" not in t)


@given(st.dictionaries(names, names, max_size=20))
def test_what_is_encoded_comes_back(fields: dict[str, str]) -> None:
    assert form_body.parse(urlencode(fields).encode(), form_body.FORM) == fields
    assert form_body.parse_query(urlencode(fields)) == fields


@pytest.mark.parametrize("qs", ["a=1&b=", "a=1&b", "&a=1&&b=&"])
def test_a_name_without_a_value_is_named_all_the_same(qs: str) -> None:
    assert form_body.names(qs) == {"a", "b"}
    assert form_body.parse_query(qs) == {"a": "1"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        'application/x-www-form-urlencoded; charset="utf-8"',
        "application/x-www-form-urlencoded;",
        "application/x-www-form-urlencoded; charset=ISO-8859-1",
        "application/x-www-form-urlencoded;charset=utf8",
        'application/x-www-form-urlencoded ; boundary="a,b"; x',
    ],
)
def test_the_form_media_type_is_read(content_type: str) -> None:
    assert form_body.parse(b"a=1", content_type) == {"a": "1"}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencodedx",
        "application/x-www-form-urlencoded; charset=utf-8, application/json",
        'application/x-www-form-urlencoded; charset="utf-8',
        "application/x-www-form-urlencoded\n",
        "x, application/x-www-form-urlencoded",
    ],
)
def test_another_media_type_is_refused(content_type: str | None) -> None:
    with pytest.raises(form_body.Malformed):
        form_body.parse(b"a=1", content_type)


def test_an_empty_body_has_no_parameters() -> None:
    assert form_body.parse(b"", None) == {}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=1&b=&c", {"a": "1"}),
        (b"&&a=1&", {"a": "1"}),
        (b"a=1=2", {"a": "1=2"}),
        (b"a=%2B+%20", {"a": "+  "}),
        (b"a=%2541", {"a": "%41"}),  # decoded once, never twice
        (b"a=1;b=2", {"a": "1;b=2"}),
        ("a=é".encode(), {"a": "é"}),
        (b"scope[]=x", {"scope[]": "x"}),
    ],
)
def test_a_value_is_decoded_once_and_an_empty_one_counts_as_not_sent(body: bytes, fields: dict[str, str]) -> None:
    assert form_body.parse(body, form_body.FORM) == fields


@pytest.mark.parametrize("body", [b"a=1&a=1", b"a=1&a=2", b"a=&a=1", b"a&a", b"a=1&%61=2", b"code=x&b=1&code=y"])
def test_a_parameter_sent_twice_is_refused_however_it_is_spelled(body: bytes) -> None:
    with pytest.raises(form_body.Repeated) as error:
        form_body.parse(body, form_body.FORM)
    assert error.value.name in ("a", "code")
    assert str(error.value) == "a parameter was sent more than once"


@pytest.mark.parametrize(
    "body",
    [
        b"a=%",
        b"a=%4",
        b"a=%zz",
        b"%=1",
        b"a=%FF",
        b"a=\xff",
        b"\xc3=1",
        b"a=%C3",
        b"a=%00",
        b"a=\0",
        b"%00=1",
        b"=1",
        b"=",
        b"a=%ED%A0%80",
        b"a=%C0%80",
        b"&".join(b"p%d=1" % n for n in range(101)),
        b"a=" + b"x" * 65_536,
    ],
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    with pytest.raises(form_body.Malformed):
        form_body.parse(body, form_body.FORM)


def test_a_hundred_fields_are_enough_for_anybody() -> None:
    assert len(form_body.parse(b"&".join(b"p%d=1" % n for n in range(100)), form_body.FORM)) == 100


def test_only_named_parameters_may_come_again() -> None:
    repeatable = frozenset({"resource"})
    assert form_body.parse_multi("resource=a&x=1&resource=b&resource=", repeatable=repeatable) == {
        "resource": ["a", "b"],
        "x": ["1"],
    }
    with pytest.raises(form_body.Repeated):
        form_body.parse_multi("x=1&resource=a&x=2", repeatable=repeatable)


def test_a_wsgi_query_string_is_utf_8_behind_latin_1() -> None:
    assert form_body.parse_query("a=é".encode().decode("latin-1")) == {"a": "é"}


@pytest.mark.parametrize("qs", ["a=\u20ac", "a=\ud800", "a=\xe9"])
def test_a_query_that_no_server_hands_over_is_refused(qs: str) -> None:
    with pytest.raises(form_body.Malformed):
        form_body.parse_query(qs)


@given(st.binary(), st.none() | st.text() | st.just(form_body.FORM))
def test_no_body_raises_anything_but_its_own_errors(body: bytes, content_type: str | None) -> None:
    try:
        fields = form_body.parse(body, content_type)
    except form_body.FormError:
        return
    assert all(name and value and "\0" not in name + value for name, value in fields.items())


@given(st.text(alphabet=st.characters(codec=None)))
def test_no_query_raises_anything_but_its_own_errors(qs: str) -> None:
    with contextlib.suppress(form_body.FormError):
        form_body.parse_query(qs)


@pytest.mark.parametrize("body", [b"&" * 10_000_000, b"%" * 10_000_000, b"a" * 10_000_000])
def test_a_huge_body_is_refused_quickly(body: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(form_body.Malformed):
        form_body.parse(body, form_body.FORM)
    assert time.perf_counter() - start < 0.05
