"""Starts a real nginx with the configuration that is shipped.

Replaced are only the two files made for it (``addresses.conf`` and ``listen.conf``) and the
folder for temporary files.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import free_port, require, wait_until

ROOT = Path(__file__).resolve().parents[2]

_SILENCE_S = 1.0


@dataclass
class Front:
    """A running nginx."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def access_log(self) -> str:
        return (self.folder / "access.log").read_text()

    @property
    def error_log(self) -> str:
        return (self.folder / "error.log").read_text()

    async def raw(self, request: bytes) -> bytes:
        """Send these very bytes; return what comes back until nginx closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            writer.write(request)
            while some := await asyncio.wait_for(reader.read(65_536), _SILENCE_S):
                answer += some
        except TimeoutError:
            assert answer, "nginx said nothing"
        finally:
            writer.close()
        return answer


@asynccontextmanager
async def front(
    folder: Path, *, resolver_port: int, chat: str, website: str
) -> AsyncIterator[Front]:
    """Run nginx with ``chat`` and ``website`` as ``host:port`` until the block ends."""
    nginx = require("nginx")
    shutil.copytree(ROOT / "nginx", folder, dirs_exist_ok=True)
    main = folder / "nginx.conf"
    text = main.read_text().replace(" /tmp/", f" {folder}/")
    text = text.replace("/dev/stdout", f"{folder}/access.log")
    main.write_text(text.replace("/dev/stderr", f"{folder}/error.log"))
    addresses = (folder / "addresses.conf").read_text()
    for shipped, here in {
        "127.0.0.11": f"127.0.0.1:{resolver_port}",
        "chat:8080": chat,
        "website:8080": website,
    }.items():
        assert shipped in addresses
        addresses = addresses.replace(shipped, here)
    (folder / "addresses.conf").write_text(addresses)
    port = free_port()
    listen = (folder / "listen.conf").read_text()
    (folder / "listen.conf").write_text(listen.replace("listen 8080", f"listen 127.0.0.1:{port}"))
    process = subprocess.Popen(
        [
            *(nginx, "-p", folder, "-c", main, "-e", folder / "error.log"),
            # The folder of a test belongs to whoever runs it.
            *("-g", "daemon off; user root;" if Path.home() == Path("/root") else "daemon off;"),
        ]
    )
    running = Front(port, folder, process)
    try:
        await wait_until(lambda: _answers(running), description="nginx answers")
        yield running
    finally:
        process.terminate()
        process.wait(10)


async def _answers(running: Front) -> bool:
    assert running.process.poll() is None, running.error_log
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
    except OSError:
        return False
    writer.close()
    return True
