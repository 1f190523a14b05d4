"""Languages of the pages: gettext catalogues, and which of them a person reads."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.dates import format_date, format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import NullTranslations, Translations
from babel.units import format_unit

from server.domain.errors import KINDS, Refusal

LANGUAGES: Final = (("en", "English"), ("ru", "Русский"))
"""Code and own name of each; the first is spoken where no other fits."""
DEFAULT: Final = "en"
COOKIE: Final = "language"
DOMAIN: Final = "beseda"

logger = logging.getLogger(__name__)


class Locales:
    """Every catalogue, read once at start."""

    def __init__(self, catalogues: dict[str, NullTranslations]) -> None:
        self._catalogues = catalogues

    @classmethod
    def load(cls, root: Path) -> Locales:
        """Read ``<root>/<language>/LC_MESSAGES/beseda.po``; a missing one stays English.

        Raises:
            ValueError: a catalogue is broken; the process must not start half translated.
        """
        catalogues: dict[str, NullTranslations] = {}
        for language, _ in LANGUAGES:
            path = root / language / "LC_MESSAGES" / f"{DOMAIN}.po"
            if not path.is_file():
                logger.info("a catalogue is missing", extra={"language": language})
                catalogues[language] = NullTranslations()
                continue
            catalogues[language] = _read(path, language)
        return cls(catalogues)

    def of(self, language: str) -> NullTranslations:
        """Return the catalogue of a language that ``choose`` gave."""
        return self._catalogues[language]

    def say(self, language: str, refusal: Refusal) -> str:
        """Return a refusal's words in ``language``: its own, else those of its code."""
        catalogue = self._catalogues[language]
        own = catalogue.gettext(refusal.pattern)
        if language == DEFAULT or own != refusal.pattern:
            return refusal.fill(own)
        return catalogue.gettext(KINDS[refusal.code].message)

    def choose(self, cookie: str, account: str, accepted: str) -> str:
        """Return the language to speak: the cookie's, the account's, or the browser's best."""
        for wanted in (cookie, account):
            if wanted in self._catalogues:
                return wanted
        for wanted in _by_preference(accepted[:500]):
            if wanted in self._catalogues:
                return wanted
        return DEFAULT


def short_moment(language: str, at: int, now: int | None = None) -> str:
    """Return as little as says when: the time today, the day this year, otherwise the date.

    ``at`` and ``now`` are Unix milliseconds; days are those of UTC. About as wide as what a
    script writes in its place in the reader's zone.
    """
    moment = datetime.fromtimestamp(at / 1000, UTC)
    today = datetime.fromtimestamp(time.time() if now is None else now / 1000, UTC)
    if moment.date() >= today.date():
        return moment.strftime("%H:%M")
    if moment.year == today.year:
        return format_skeleton("MMMd", moment, locale=language)
    return format_date(moment, "short", locale=language)


def file_size(language: str, size: int) -> str:
    """Return a number of bytes in words, as ``words.size`` of the scripts does."""
    for power, unit in enumerate(("byte", "kilobyte", "megabyte", "gigabyte")):
        if size < 1024 ** (power + 1) or unit == "gigabyte":
            number = size / 1024**power
            shown = round(number, 1) if number < 10 else round(number)
            return format_unit(shown, f"digital-{unit}", "short", locale=language)
    raise AssertionError("unreachable")


def _read(path: Path, language: str) -> Translations:
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language, domain=DOMAIN, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a catalogue: {error}") from error
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def _by_preference(accepted: str) -> list[str]:
    """Order the languages of an ``Accept-Language`` header (RFC 9110, section 12.5.4)."""
    weighed: list[tuple[float, str]] = []
    for item in accepted.split(","):
        tag, _, parameter = item.strip().partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1:
            weighed.append((-weight, tag.strip().lower().split("-")[0]))
    weighed.sort(key=lambda pair: pair[0])
    return [language for _, language in weighed]
