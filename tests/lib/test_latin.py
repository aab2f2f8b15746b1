"""Latin letters as people write them in ASCII."""

import pytest

from authserver.lib import latin


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("südwind", "suedwind"),
        ("su\u0308dwind", "suedwind"),  # the same, taken apart
        ("straße", "strasse"),
        ("crème brûlée", "creme brulee"),
        ("łódź", "lodz"),
        ("ærø", "aeroe"),
        ("ångström", "aangstroem"),
        ("são josé", "sao jose"),
        ("kaie", "kaie"),
        ("株式", "株式"),
    ],
)
def test_a_letter_is_written_in_ascii(text: str, plain: str) -> None:
    assert latin.plain(text) == plain
