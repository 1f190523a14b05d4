"""What happened when: printed as it happens, and kept in a file."""

from __future__ import annotations

import time
from pathlib import Path


class Timeline:
    """Lines with the seconds since the start."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._began = time.monotonic()
        self.figures: list[str] = []
        self.problems: list[str] = []
        file.touch()

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def note(self, text: str) -> None:
        """Say what happened."""
        line = f"{self.now_s:7.1f} s  {text}"
        print(line, flush=True)
        with self.file.open("a") as file:
            file.write(line + "\n")

    def figure(self, what: str, value: float, unit: str) -> None:
        """Keep a measured value for the end."""
        self.figures.append(f"{what}: {value:.4g} {unit}")
        self.note(self.figures[-1])

    def problem(self, text: str) -> None:
        """Something is not as promised: the verdict will be bad."""
        self.problems.append(text)
        self.note(f"PROBLEM {text}")
