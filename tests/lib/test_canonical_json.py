"""Canonical JSON of the audit chain."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.lib import canonical_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_keys_are_sorted_and_nothing_is_padded() -> None:
    assert canonical_json.dumps({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()


@given(st.dictionaries(st.text(), values))
def test_the_same_value_gives_the_same_bytes_and_reads_back(value: dict[str, object]) -> None:
    shuffled = dict(reversed(list(value.items())))
    assert canonical_json.dumps(value) == canonical_json.dumps(shuffled)
    assert canonical_json.dumps(json.loads(canonical_json.dumps(value))) == canonical_json.dumps(value)


def test_a_lone_surrogate_becomes_its_escape() -> None:
    assert canonical_json.dumps("\ud800") == b'"\\ud800"'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json.dumps(value)
