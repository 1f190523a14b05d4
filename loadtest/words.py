"""What people say, as far as its letters matter: to compression, and to nothing else."""

from __future__ import annotations

import random
from typing import Final

LANGUAGES: Final = {
    "en": """
        hi all who is coming for lunch today on the second floor I ordered pizza and salad but
        I am not sure it will do for everybody if somebody wants anything else please write
        before one later will be too late yesterday we talked about the new release for long
        and two questions are left who writes the notes and when do we meet the customer I
        think Thursday suits best could you look at my change again it is small thanks see you
        tomorrow in the morning yes no great idea where did you find that picture of the old
        bridge near our office""",
    "ru": """
        привет всем кто сегодня придёт на обед в столовую на втором этаже я заказал пиццу и
        салат но не уверен что хватит на всех если кто-то хочет ещё что-нибудь напишите до
        часу дня потом будет поздно вчера мы долго обсуждали новый выпуск и осталось два
        вопроса кто пишет заметки и когда встречаемся с заказчиком мне кажется в четверг
        удобнее всего посмотри пожалуйста мою правку ещё раз она маленькая спасибо до завтра
        утром да нет отличная мысль где ты нашёл эту фотографию старого моста рядом с нашей
        конторой""",
}
_BYTES: Final = 32_768


class Words:
    """Words of a language in some order, the same for each run."""

    def __init__(self, language: str) -> None:
        dice, known = random.Random(language), LANGUAGES[language].split()
        text = ""
        while len(text) < _BYTES:
            text += dice.choice(known) + " "
        self._text = text.encode()
        self._begins = [at + 1 for at, byte in enumerate(self._text[: _BYTES // 2]) if byte == 0x20]

    def some(self, number: int, size: int) -> bytes:
        """Return exactly ``size`` bytes of UTF-8, up to ``_BYTES // 2``, others for each number."""
        begin = self._begins[number % len(self._begins)]
        whole = self._text[begin : begin + size].decode(errors="ignore").encode()
        return whole.ljust(size, b".")
