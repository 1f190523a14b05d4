"""nginx in front of several replicas, with the configuration of this project.

Replaced are only the two files that are made for it (`nginx/addresses.conf` and
`nginx/listen.conf`) and the folder of temporary files.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loadtest.errors import CannotRunError
from server.local.process import free_port, spawn, stop, wait_ready

ROOT: Final = Path(__file__).resolve().parents[1]
_START_S: Final = 10.0

_ADDRESSES: Final = """\
upstream replicas {{
{servers}
}}
map "" $chat_address {{
    default replicas;
}}
map "" $website_address {{
    default replicas;
}}
"""


class Nginx:
    """One nginx on a free loopback port."""

    def __init__(self, folder: Path, replicas: Sequence[int]) -> None:
        self.port = 0
        self._folder = folder
        self._replicas = replicas
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the master."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            CannotRunError: it is not installed.
            LocalError: it did not start.
        """
        binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if binary is None:
            raise CannotRunError(
                "nginx is not installed, and several replicas are tested behind it"
            )
        self.port = free_port()
        main, log = self._configure(), self._folder / "error.log"
        # Root's nginx gives its workers away to an account that cannot read this folder.
        extra = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
        self._process = spawn(
            [binary, "-p", self._folder, "-c", main, "-e", log, "-g", extra],
            log=self._folder / "nginx.log",
            orphaned=signal.SIGTERM,
        )
        wait_ready(self._process, self._listens, name="nginx", log=log, deadline_s=_START_S)

    def stop(self) -> None:
        """End it; nothing happens when it does not run."""
        if self._process is not None:
            stop(self._process, signal.SIGTERM, _START_S)

    def _configure(self) -> Path:
        shutil.copytree(ROOT / "nginx", self._folder, dirs_exist_ok=True)
        main = self._folder / "nginx.conf"
        text = main.read_text().replace(" /tmp/", f" {self._folder}/")
        text = text.replace("/dev/stdout", f"{self._folder}/access.log")
        main.write_text(text.replace("/dev/stderr", f"{self._folder}/error.log"))
        servers = "\n".join(f"    server 127.0.0.1:{port};" for port in self._replicas)
        addresses = _ADDRESSES.format(servers=servers)
        (self._folder / "addresses.conf").write_text(addresses)
        listen = self._folder / "listen.conf"
        text = listen.read_text().replace("listen 8080", f"listen 127.0.0.1:{self.port}")
        listen.write_text(text)
        return main

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
