"""Pictures of strangers: made anew as a small PNG, or refused in a sentence, in no time and without much memory."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from authserver.lib import pictures
from authserver.lib.pictures import BadPicture


def picture(format: str = "PNG", size: tuple[int, int] = (300, 200), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red").save(out, format, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IEND", b"")


def gif(*sizes: tuple[int, int]) -> bytes:
    frames = [Image.new("P", size, number) for number, size in enumerate(sizes)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], loop=0)
    return out.getvalue()


def read(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


MODES = {
    "PNG": ("RGB", "L", "P", "RGBA", "LA", "1"),
    "JPEG": ("RGB", "L", "1", "CMYK"),
    "GIF": ("RGB", "L", "P", "RGBA", "LA", "1"),
    "WEBP": ("RGB", "L", "P", "RGBA", "LA", "1", "CMYK"),
}


@pytest.mark.parametrize(("format", "mode"), [(format, mode) for format, modes in MODES.items() for mode in modes])
def test_whatever_can_be_read_becomes_a_small_png(format: str, mode: str) -> None:
    made = read(pictures.as_png(picture(format, mode=mode)))
    assert (made.format, made.mode, max(made.size)) == ("PNG", "RGBA", pictures.SIDE)


@pytest.mark.parametrize(
    ("size", "made"), [((1, 1), (1, 1)), ((128, 128), (128, 128)), ((1024, 512), (128, 64)), ((1024, 1), (128, 1))]
)
def test_its_shape_stays_and_nothing_grows(size: tuple[int, int], made: tuple[int, int]) -> None:
    assert read(pictures.as_png(picture(size=size))).size == made


def test_nothing_but_pixels_is_left() -> None:
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    told.add_text("Comment", "<script>alert(1)</script>")
    data = picture(pnginfo=told, icc_profile=b"x" * 200) + b"<script>alert(2)</script>"
    made = pictures.as_png(data)
    assert b"script" not in made and b"iCCP" not in made and not read(made).info


def test_of_an_animation_the_first_frame_is_shown() -> None:
    made = read(pictures.as_png(gif((20, 20), (20, 20), (20, 20))))
    assert getattr(made, "n_frames", 1) == 1


BOMBS: dict[str, Callable[[], bytes]] = {
    "a PNG of a terapixel": lambda: png(2**20, 2**20, chunk(b"IDAT", zlib.compress(b""))),
    "a PNG that unpacks to a lot": lambda: png(50_000, 50_000, chunk(b"IDAT", zlib.compress(b"\0" * 10_000_000))),
    "a PNG of a hundred megapixels": lambda: png(10_000, 10_000, chunk(b"IDAT", zlib.compress(b""))),
    "one pixel too wide": lambda: picture(size=(1025, 1)),
    "one pixel too high": lambda: picture(size=(1, 1025)),
    "a JPEG of the largest size": lambda: picture("JPEG", (65_500, 1)),
    "a WebP of the largest size": lambda: picture("WEBP", (16_383, 1)),
    "a GIF whose screen is huge": lambda: gif((8, 8))[:6] + struct.pack("<HH", 65_535, 65_535) + gif((8, 8))[10:],
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_picture_that_unpacks_to_much_is_refused_before_that(bomb: str) -> None:
    data, started = BOMBS[bomb](), time.thread_time()
    with pytest.raises(BadPicture, match="too large"):
        pictures.as_png(data)
    assert time.thread_time() - started < 0.2


def test_a_jpeg_of_many_passes_is_refused() -> None:
    """Each pass goes over the whole picture, and costs a few bytes."""
    data = picture("JPEG", (1024, 1024), progressive=True)
    with pytest.raises(BadPicture, match="too much work"):
        pictures.as_png(data[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * 5_000 + data[-2:])


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "data",
    [SVG, b"  \n" + SVG, b"\xef\xbb\xbf" + SVG, b'<?xml version="1.0"?>' + SVG, SVG.upper(),
     b"<!DOCTYPE svg PUBLIC>" + SVG, b"<!-- x -->" + SVG],
)  # fmt: skip
def test_an_svg_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(BadPicture, match="SVG"):
        pictures.as_png(data)


WRONG: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"hello",
    "a page": lambda: b"<html><img src=x></html>",
    "an archive": lambda: b"PK\x03\x04" + b"\0" * 100,
    "a BMP": lambda: picture("BMP"),
    "a TIFF": lambda: picture("TIFF"),
    "an ICO": lambda: picture("ICO", (32, 32)),
    "an EPS": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
    "a PDF": lambda: b"%PDF-1.7\n",
    "a head alone": lambda: b"\x89PNG\r\n\x1a\n",
    "a PNG that is cut off": lambda: picture()[:60],
    "a JPEG that is cut off": lambda: picture("JPEG")[:400],
    "a WebP that is cut off": lambda: picture("WEBP")[:40],
    "a GIF that is cut off": lambda: picture("GIF")[:20],
    "a PNG without pixels": lambda: png(10, 10),
    "a PNG of no size": lambda: png(0, 0, chunk(b"IDAT", zlib.compress(b""))),
    "a PNG with a wrong sum": lambda: picture().replace(b"IDAT", b"IDAX"),
    "a PNG whose text unpacks to a lot": lambda: png(
        8, 8, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 50_000_000)), chunk(b"IDAT", zlib.compress(b""))
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_such_picture_is_refused(name: str) -> None:
    data, started = WRONG[name](), time.thread_time()
    with pytest.raises(BadPicture):
        pictures.as_png(data)
    assert time.thread_time() - started < 0.5
