"""What the system and Prometheus know of a process: memory, descriptors, metrics, time."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.scenarios.service import Service

MIB = 1 << 20


def rss(service: Service) -> float:
    """Return the resident memory of a process, MiB."""
    pages = int(Path(f"/proc/{service.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


def descriptors(service: Service) -> int:
    """Count the open descriptors of a process."""
    return sum(1 for _ in Path(f"/proc/{service.pid}/fd").iterdir())


def cpu_s(service: Service) -> float:
    """Return the processor time that a process has used, seconds."""
    fields = Path(f"/proc/{service.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def metric(service: Service, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that have these labels; 0 where there is none."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{service.url}/metrics", timeout=aiohttp.ClientTimeout(total=10)) as answer,
    ):
        text = await answer.text()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of all values are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
