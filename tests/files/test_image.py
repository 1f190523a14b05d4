from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image

from server.domain.errors import Refusal
from server.files.image import rewrite

PIXELS = 1_000_000


def read_again(source: Path, kind: str, most_pixels: int = PIXELS) -> tuple[Path, Path]:
    whole, small = source.with_name("whole"), source.with_name("small")
    with Image.open(source) as before:
        turned = before.getexif().get(0x0112) == 6
        size = before.size[::-1] if turned else before.size
    assert rewrite(source, kind, whole, small, most_pixels) == size
    return whole, small


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG of any size that it says it has."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    whole = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + whole


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_nothing_stays_but_the_pixels(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera of Alice"
    exif.get_ifd(0x8825)[2] = (55.0, 45.0, 0.0)
    source = tmp_path / "source"
    Image.new("RGB", (300, 200), "teal").save(source, name, exif=exif)
    whole, small = read_again(source, f"image/{name.lower()}")
    assert b"Camera" in source.read_bytes()
    for path, size in ((whole, (200, 300)), (small, (200, 300))):
        assert b"Camera" not in path.read_bytes()
        with Image.open(path) as image:
            assert (dict(image.getexif()), image.size) == ({}, size)
            red, green, blue = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]  # of RGB
            assert max(abs(red), abs(green - 128), abs(blue - 128)) < 12


def test_an_animation_goes_on_moving(tmp_path: Path) -> None:
    source = tmp_path / "source"
    frames = [Image.new("RGB", (60, 40), color) for color in ("red", "green", "blue")]
    frames[0].save(
        source, "GIF", save_all=True, append_images=frames[1:], duration=70, loop=0, comment=b"mine"
    )
    whole, small = read_again(source, "image/gif")
    assert b"mine" not in whole.read_bytes()
    with Image.open(whole) as image:
        assert (getattr(image, "n_frames", 1), image.info["duration"], image.info["loop"]) == (
            *(3, 70),
            0,
        )
    with Image.open(small) as image:
        assert (image.format, getattr(image, "n_frames", 1)) == ("WEBP", 1)


def test_what_can_be_seen_through_stays_so(tmp_path: Path) -> None:
    source = tmp_path / "source"
    Image.new("RGBA", (1600, 20), (255, 0, 0, 0)).save(source, "PNG")
    whole, small = read_again(source, "image/png")
    for path, size in ((whole, (1600, 20)), (small, (720, 9))):
        with Image.open(path) as image:
            assert image.size == size
            assert image.convert("RGBA").getpixel((1, 1))[3] == 0  # type: ignore[index]  # of RGBA


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (16_001, 1), (1001, 1000)])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, width: int, height: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(png(width, height, b"\0" * 1_000_000))
    began = time.process_time()
    with pytest.raises(Refusal) as refused:
        rewrite(source, "image/png", tmp_path / "whole", tmp_path / "small", PIXELS)
    assert refused.value.code == "image_too_large"
    assert time.process_time() - began < 1
    assert not (tmp_path / "whole").exists()


def test_a_long_animation_is_a_bomb_too(tmp_path: Path) -> None:
    source = tmp_path / "source"
    frames = [Image.new("RGB", (200, 200), (8 * number, 0, 0)) for number in range(30)]
    frames[0].save(source, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(Refusal) as refused:
        rewrite(source, "image/gif", tmp_path / "whole", tmp_path / "small", PIXELS)
    assert refused.value.code == "image_too_large"


@pytest.mark.parametrize("cut", [10, 30, 200])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_damaged_picture_is_refused(tmp_path: Path, name: str, cut: int) -> None:
    source = tmp_path / "source"
    Image.effect_noise((100, 100), 50).convert("RGB").save(source, name)
    source.write_bytes(source.read_bytes()[:cut])
    with pytest.raises(Refusal) as refused:
        rewrite(source, f"image/{name.lower()}", tmp_path / "whole", tmp_path / "small", PIXELS)
    assert refused.value.code == "invalid_image"


def test_a_picture_of_another_kind_than_it_says_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    Image.new("RGB", (9, 9)).save(source, "TIFF")
    with pytest.raises(Refusal) as refused:
        rewrite(source, "image/png", tmp_path / "whole", tmp_path / "small", PIXELS)
    assert refused.value.code == "invalid_image"
