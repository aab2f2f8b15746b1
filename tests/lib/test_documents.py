"""A document and its two forms."""

from __future__ import annotations

import gzip

from authserver.lib.documents import Document

TEXT = b"a walk along the river bank, " * 40


def test_a_document_is_compressed_once_and_always_to_the_same_bytes() -> None:
    made, again = Document.of(TEXT), Document.of(TEXT)
    assert gzip.decompress(made.packed) == made.body == TEXT
    assert len(made.packed) < len(TEXT) / 4
    assert made == again


def test_what_gains_nothing_stays_as_it_is() -> None:
    assert Document.of(b"{}").packed == b""


def test_each_form_has_a_tag_of_its_own_that_changes_with_the_text() -> None:
    tags = [tag for text in (TEXT, TEXT + b".") for made in [Document.of(text)] for tag in (made.tag, made.packed_tag)]
    assert len(set(tags)) == 4
    assert all(tag.startswith('"') and tag.endswith('"') and tag.count('"') == 2 for tag in tags)
