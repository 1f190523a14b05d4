"""axe-core on the open page: what it finds, in sentences."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.async_api import ViewportSize

from tests.browser.window import Window
from tests.helpers import installed_by_npm

DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 640}

_RUN = """async ({ rules, only }) => {
  // What is on its way in or out is half transparent: only what has come to rest is judged.
  for (const each of document.getAnimations()) each.finish();
  const options = { resultTypes: ["violations"], rules };
  if (only) options.runOnly = { type: "rule", values: only };
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) =>
      [`${id} (${help})`, html.slice(0, 300), failureSummary].join("\\n  ")));
}"""

RULES: dict[str, Any] = {"target-size": {"enabled": True}}
"""Beside all that are on by themselves: WCAG 2.2 AA's size of what a finger is to meet."""


@cache
def source() -> str:
    """Return axe-core as a script; skips the test where it is not installed."""
    return (installed_by_npm("axe-core") / "axe.min.js").read_text()


async def look(window: Window, where: str) -> list[str]:
    """Judge the open page on both screens, by day and by night; return what is wrong.

    ``where`` begins each sentence. The page stays as it is, so open menus are judged too.
    """
    page = window.page
    if not await page.evaluate("'axe' in window"):
        await window.run(source())
    faults: list[str] = []
    before = page.viewport_size
    for shape, screen in {"desk": DESK, "phone": PHONE}.items():
        await page.set_viewport_size(screen)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            only = ["color-contrast"] if scheme == "dark" else None
            found = await page.evaluate(_RUN, {"rules": RULES, "only": only})
            faults += [f"{where}, {shape}, {scheme}: {each}" for each in found]
    if before:
        await page.set_viewport_size(before)
    return faults
