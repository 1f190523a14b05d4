"""Colours can be read, sizes come from the tokens, and the page stays light."""

from __future__ import annotations

import gzip
import re

import pytest

from server.website.assets import Assets
from tests.web.pages import BASE, STATIC, environment, message, room_context

SHEETS = sorted((STATIC / "css").glob("*.css"))
TOKENS = (STATIC / "css" / "base.css").read_text()
OVER_THE_WIRE_BYTES = 100_000

TEXT_ON = [
    *((f"text-{text}", f"surface-{surface}") for text in (1, 2, 3) for surface in (0, 1, 2)),
    *((color, f"surface-{n}") for color in ("accent", "danger") for n in (0, 1)),
    *((color, "surface-0") for color in ("success", "warning", "mention")),
    *(("accent-text", "accent"), ("danger-text", "danger"), ("text-1", "accent-soft")),
    *(("text-1", "warning-soft"), ("text-1", "danger-soft"), ("accent", "danger-soft")),
    *(("avatar-text", f"avatar-{n}") for n in range(12)),
]
CONTROLS_ON = [("control", f"surface-{n}") for n in (0, 1)]


def color(name: str, *, dark: bool) -> str:
    found = re.search(rf"--{name}: (?:light-dark\((#\w{{6}}), (#\w{{6}})\)|(#\w{{6}}));", TOKENS)
    assert found, name
    return found[3] or found[2 if dark else 1]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, "contrast ratio")."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(hexadecimal: str) -> float:
    parts = [int(hexadecimal[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("least", "pairs"), [(4.5, TEXT_ON), (3.0, CONTROLS_ON)], ids=["text", "controls"]
)
def test_what_is_written_can_be_read(
    least: float, pairs: list[tuple[str, str]], *, dark: bool
) -> None:
    weak = {
        f"{front} on {back}": round(ratio, 2)
        for front, back in pairs
        if (ratio := contrast(color(front, dark=dark), color(back, dark=dark))) < least
    }
    assert not weak


def test_contrast_is_measured_as_everybody_measures_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_colours_are_named_only_among_the_tokens() -> None:
    for sheet in SHEETS:
        tokens = r"^ +--[\w-]+: .*;$" if sheet.name == "base.css" else r"url\(\"data:[^)\"]*\"\)"
        source = re.sub(tokens, "", sheet.read_text(), flags=re.MULTILINE)
        source = source.replace("rgb(0 0 0 / 40%)", "")
        assert not re.search(r"#[0-9a-f]{3,8}\b|\brgb|\bhsl", source), sheet.name


def test_every_token_that_is_used_exists() -> None:
    everything = "".join(sheet.read_text() for sheet in SHEETS)
    defined = set(re.findall(r"(--[\w-]+):", everything))
    assert set(re.findall(r"var\((--[\w-]+)", everything)) <= defined


def test_no_sheet_makes_the_browser_fetch_another() -> None:
    for sheet in SHEETS:
        assert "@import" not in sheet.read_text()
        assert not re.search(r"url\((?![\"']?data:)", sheet.read_text())


def test_the_page_of_a_room_stays_light() -> None:
    html = (
        environment("ru")
        .get_template("room.html")
        .render(room_context([message(seq, "Кто сегодня на кухне? " * 3) for seq in range(1, 51)]))
    )
    files = set(re.findall(rf'(?:href|src)="{BASE}([^"]+)"', html))
    controllers = {
        f"js/controllers/{name}.js"
        for names in re.findall(r'data-controller="([^"]+)"', html)
        for name in names.split()
    }
    assets = Assets(STATIC)
    served = [assets.find(path) for path in files | controllers]
    bodies = [html.encode(), *(asset.plain for asset in served if asset)]
    assert len(bodies) == len(served) + 1
    assert sum(len(gzip.compress(body, 6)) for body in bodies) < OVER_THE_WIRE_BYTES
