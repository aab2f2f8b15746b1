"""The mark of an installation in its own colour: for tabs of browsers, bookmarks and home screens."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from authserver.lib import colours

if TYPE_CHECKING:
    from PIL import Image

Point = tuple[float, float]

PINE = "#0d5f52"
"""The colour of who chose none."""
ICO_SIDES = (16, 32, 48)
TOUCH_SIDE = 180
"""Pixels of what home screens show, which round its corners by themselves."""
# Drawn so many times as large and then made smaller: Pillow draws lines with edges.
_FINER = 8
# A shield with a keyhole on a field of 24 by 24: a corner, then lines and curves (by their control points) to the next.
_TOP, _SIDES = (12.0, 3.4), ((19.4, 6.6), (19.4, 11.9))
_CURVES = (
    ((19.4, 16.4), (16.2, 19.6), (12.0, 20.6)),
    ((7.8, 19.6), (4.6, 16.4), (4.6, 11.9)),
)
_LAST = (4.6, 6.6)
_HOLE, _RADIUS, _FOOT = (12.0, 10.8), 1.75, 15.4
_STROKE = 1.6


def svg(colour: str) -> bytes:
    """For browsers that take it; `colour` is such as `#0d5f52`."""
    on = colours.readable_on(colour)
    points = [_TOP, *_SIDES]
    curves = " ".join("C" + " ".join(f"{x} {y}" for x, y in curve) for curve in _CURVES)
    path = "M" + " L".join(f"{x} {y}" for x, y in points) + f" {curves} L{_LAST[0]} {_LAST[1]}Z"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<rect width="24" height="24" rx="6" fill="{colour}"/>'
        f'<g fill="none" stroke="{on}" stroke-width="{_STROKE}" stroke-linejoin="round" stroke-linecap="round">'
        f'<path d="{path}"/><circle cx="{_HOLE[0]}" cy="{_HOLE[1]}" r="{_RADIUS}"/>'
        f'<path d="M{_HOLE[0]} {_HOLE[1] + _RADIUS}V{_FOOT}"/></g></svg>'
    ).encode()


def ico(colour: str) -> bytes:
    """For everything that asks for `/favicon.ico` by itself."""
    out = io.BytesIO()
    _drawn(colour, max(ICO_SIDES), round=True).save(out, "ICO", sizes=[(side, side) for side in ICO_SIDES])
    return out.getvalue()


def png(colour: str) -> bytes:
    """For home screens: without round corners."""
    out = io.BytesIO()
    _drawn(colour, TOUCH_SIDE, round=False).save(out, "PNG", optimize=True)
    return out.getvalue()


def _drawn(colour: str, side: int, *, round: bool) -> Image.Image:
    from PIL import Image, ImageDraw

    full, scale = side * _FINER, side * _FINER / 24
    image = Image.new("RGBA", (full, full), (0, 0, 0, 0))
    pen, on = ImageDraw.Draw(image), colours.readable_on(colour)
    pen.rounded_rectangle((0, 0, full - 1, full - 1), 6 * scale if round else 0, fill=colour)
    shield = [(x * scale, y * scale) for x, y in _outline()]
    width = int(_STROKE * scale)
    pen.line([*shield, shield[0], shield[1]], fill=on, width=width, joint="curve")
    x, y, radius = _HOLE[0] * scale, _HOLE[1] * scale, (_RADIUS + _STROKE / 2) * scale
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=on, width=width)
    pen.line([(x, (_HOLE[1] + _RADIUS) * scale), (x, _FOOT * scale)], fill=on, width=width)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _outline() -> Iterator[Point]:
    yield _TOP
    yield from _SIDES
    begin = _SIDES[-1]
    for first, second, end in _CURVES:
        for step in range(1, 17):
            yield _on_curve(begin, first, second, end, step / 16)
        begin = end
    yield _LAST


def _on_curve(begin: Point, first: Point, second: Point, end: Point, part: float) -> Point:
    """A point of a cubic Bézier curve."""
    weights = ((1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part**2 * (1 - part), part**3)
    points = (begin, first, second, end)
    x, y = (sum(weight * point[axis] for weight, point in zip(weights, points, strict=True)) for axis in (0, 1))
    return x, y
