"""Where a line may end in hosts, addresses and ids."""

from __future__ import annotations

import pytest
from flask import Flask

from authserver.edge import unbroken


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("notes.example.com", "notes.example.com"),
        ("cl_4Hq", "cl_4Hq"),
        ("a-b.example", '<span class="part"><span class="part">a-b.</span>example</span>'),
        ("https://a-b.example", '<span class="part">https://<span class="part">a-b.</span>example</span>'),
        (
            "https://a-b.example/sign-in?next=x",
            'https://<span class="part">a-b.</span>example/<span class="part">sign-in?</span>next=x',
        ),
        ("demo-web-app", '<span class="part">demo-web-app</span>'),
        ("<b>-</b>", '<span class="part">&lt;b&gt;-&lt;/</span>b&gt;'),
        ("Signed in at a-b", 'Signed in at <span class="part">a-b</span>'),
    ],
)
def test_a_part_with_a_hyphen_is_kept_whole_and_inert(app: Flask, text: str, marked: str) -> None:
    assert app.jinja_env.from_string("{{ text|unbroken }}").render(text=text) == marked


def test_nothing_is_put_between_its_letters() -> None:
    text = "https://a-b.example:8443/c-d/e?f=g-h&i=j@k,l m"
    assert "".join(unbroken.parts(text)) == text
