"""One picture: read, turned upright, written again without what it tells beside the pixels.

Cameras write down where and when a picture was taken, and by which device; none of that is
for the readers of a room. What is written here has pixels, colours and the timing of an
animation, and nothing else. Everything here blocks and may take seconds.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image, ImageOps, ImageSequence

from server.domain.errors import Refusal

THUMBNAIL_PIXELS: Final = 720
"""Neither side of a thumbnail is longer."""
QUALITY: Final = 88
THUMBNAIL_QUALITY: Final = 80
SIDE_PIXELS: Final = 16_000
"""WebP holds 16383; a longer picture is no photograph."""
FRAMES: Final = 2000
_FORMATS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}
_KEPT: Final = frozenset({"icc_profile", "transparency", "duration", "loop", "background"})
_PROFILE_BYTES: Final = 200_000


class Picture(NamedTuple):
    """The size of a picture as it is shown, in pixels."""

    width: int
    height: int


def rewrite(source: Path, kind: str, target: Path, thumbnail: Path, most_pixels: int) -> Picture:
    """Write the picture ``source`` of type ``kind`` to ``target``, and a small one as WebP.

    Raises:
        Refusal: ``invalid_image``; ``image_too_large``, before a pixel of it was unpacked.
        OSError: the disk refuses.
    """
    name = _FORMATS[kind]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is looked at here, and truncation raises
            with Image.open(source, formats=[name]) as opened:
                _check_size(opened, most_pixels)
                return _write(opened, name, target, thumbnail)
    except Refusal:
        raise
    except Image.DecompressionBombError as error:
        raise Refusal("image_too_large") from error
    except OSError as error:
        # Pillow has the same name for a broken picture; only the system's have a number.
        if error.errno is not None:
            raise
        raise Refusal("invalid_image") from error
    except (ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError) as error:
        raise Refusal("invalid_image") from error
    except (MemoryError, OverflowError) as error:
        raise Refusal("image_too_large") from error


def _check_size(opened: Image.Image, most_pixels: int) -> None:
    width, height = opened.size
    if max(width, height) > SIDE_PIXELS or width * height > most_pixels:
        raise Refusal("image_too_large")
    # Counted last: it reads through the whole animation.
    frames = _frames_of(opened)
    if frames > FRAMES or width * height * frames > most_pixels:
        raise Refusal("image_too_large")


def _frames_of(opened: Image.Image) -> int:
    # Some phones put a second picture behind the first of a JPEG: that is no animation.
    return 1 if opened.format in {"JPEG", "MPO"} else getattr(opened, "n_frames", 1)


def _write(opened: Image.Image, name: str, target: Path, thumbnail: Path) -> Picture:
    rest: dict[str, Any] = {}
    if name in {"JPEG", "WEBP"}:
        rest["quality"] = QUALITY
    if _frames_of(opened) > 1:
        first = opened.convert("RGBA")
        frames = [_bare(frame.copy()) for frame in ImageSequence.Iterator(opened)]
        rest |= {"save_all": True, "append_images": frames[1:]}
        rest |= {key: opened.info[key] for key in ("loop",) if key in opened.info}
        rest["duration"] = [frame.info.get("duration", 100) for frame in frames]
        upright = frames[0]
    else:
        upright = _bare(ImageOps.exif_transpose(opened))
        first = upright
    profile = upright.info.get("icc_profile")
    if profile:
        rest["icc_profile"] = profile
    with target.open("xb") as file:
        upright.save(file, name, **rest)
    _write_small(first, profile, thumbnail)
    return Picture(*upright.size)


def _bare(image: Image.Image) -> Image.Image:
    """Return the picture with what its pixels need, and nothing that it says besides."""
    image.load()
    kept: dict[Any, Any] = {key: value for key, value in image.info.items() if key in _KEPT}
    if len(kept.get("icc_profile") or b"") > _PROFILE_BYTES:
        del kept["icc_profile"]
    image.info = kept
    return image


def _write_small(image: Image.Image, profile: bytes | None, thumbnail: Path) -> None:
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    small = image.convert("RGBA" if has_alpha else "RGB")
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    small.info = {}
    rest = {"icc_profile": profile} if profile and image.mode != "CMYK" else {}
    with thumbnail.open("xb") as file:
        small.save(file, "WEBP", quality=THUMBNAIL_QUALITY, **rest)
