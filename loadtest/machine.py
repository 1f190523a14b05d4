"""Facts about this machine that explain numbers: nothing that tells whose it is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psutil

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_CPU_INFO = Path("/proc/cpuinfo")
_GIGABYTE = 1024**3


def facts(**versions: str | None) -> dict[str, str]:
    """Return the facts by name; ``versions`` adds known ones, e.g. ``redis="7.0.15"``."""
    found = {
        "cpu": _model(),
        "cores": _cores(),
        "governor": _read(_GOVERNOR).strip(),
        "memory": f"{psutil.virtual_memory().total / _GIGABYTE:.1f} GB",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{name: version or "" for name, version in versions.items()},
    }
    return {name: value for name, value in found.items() if value}


def _model() -> str:
    named = re.search(r"(?m)^(?:model name|Model|Hardware)\s*:\s*(.+)$", _read(_CPU_INFO))
    return named[1].strip() if named else platform.processor() or platform.machine()


def _cores() -> str:
    """Cores that this process may use: a container or taskset may leave it fewer than there are."""
    here = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else here
    return str(here) if usable == here else f"{usable} of {here}"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
