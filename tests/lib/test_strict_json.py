"""JSON that every reader understands alike."""

import pytest

from authserver.lib import strict_json


def test_ordinary_json_is_read() -> None:
    assert strict_json.loads('{"a": [1, 2.5, null], "b": {"a": "\\u00e9"}}') == {"a": [1, 2.5, None], "b": {"a": "é"}}


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "a": 2}}]', "NaN", "[-Infinity]", "1e999", "", "{"]
)
def test_what_readers_understand_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        strict_json.loads(text)


@pytest.mark.parametrize("text", ["[[[1]]]", '{"a": {"b": [1]}}', '[["[[[[", "\\"[[["]]', "[[], [], [[]], {}]"])
def test_three_levels_are_not_more_than_three(text: str) -> None:
    assert not strict_json.too_deep(text, 3)


@pytest.mark.parametrize("text", ["[[[[]]]]", '{"a": {"b": [[1]]}}', "[" * 100_000])
def test_four_levels_are_more_than_three(text: str) -> None:
    assert strict_json.too_deep(text, 3)
