"""``python -m server health``: is the process on this machine alive? For containers."""

from __future__ import annotations

import http.client
import os
import sys
from typing import Final

HEALTH_S: Final = 3.0


def health(host: str | None, port: int | None) -> int:
    """Ask ``/healthz`` of the process on this machine; 0 when it answers 200, else 1."""
    # Without Settings: this runs every few seconds, and must not cost half a second of CPU.
    address = host or os.environ.get("HOST") or "127.0.0.1"
    if address in {"0.0.0.0", "::"}:  # noqa: S104 - that is where it listens, not where to ask
        address = "127.0.0.1"
    asked = http.client.HTTPConnection(
        address, port or int(os.environ.get("PORT") or 8080), timeout=HEALTH_S
    )
    try:
        asked.request("GET", "/healthz")
        return 0 if asked.getresponse().status == http.client.OK else 1
    except OSError as error:
        sys.stderr.write(f"beseda: no answer: {type(error).__name__}.\n")
        return 1
    finally:
        asked.close()
