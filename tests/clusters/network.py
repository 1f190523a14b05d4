"""A network that can be cut in two for servers, while clients reach both sides.

One side is this machine, the other a network namespace (https://man7.org/linux/man-pages/man8/ip-netns.8.html)
behind a pair of interfaces. Servers on this side speak from an address of their own, which the
other side forgets the way to; clients speak from another one. It needs root and iproute2.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess

import pytest

_IP_S = 10.0


class Network:
    """Two sides; servers at ``here`` and ``away``, everybody else at ``clients``."""

    def __init__(self) -> None:
        tag = secrets.token_hex(3)
        subnet = f"10.{secrets.randbelow(100) + 100}.{secrets.randbelow(256)}"
        self.namespace = f"beseda-{tag}"
        self.clients = f"{subnet}.1"
        self.here = f"{subnet}.2"
        self.away = f"{subnet}.3"
        self._near, self._far = f"bn{tag}", f"bf{tag}"
        self.cut = False

    @staticmethod
    def missing() -> str:
        """Say why there can be no such network here, or nothing."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        if shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
            return "network namespaces need iproute2"
        probe = f"beseda-{secrets.token_hex(3)}"
        try:
            _ip("netns", "add", probe)
        except (OSError, subprocess.SubprocessError) as problem:
            return f"network namespaces are not allowed here ({problem})"
        _ip("netns", "del", probe)
        return ""

    def open(self) -> None:
        """Set it up."""
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far)
        _ip("link", "set", self._far, "netns", self.namespace)
        _ip("addr", "add", f"{self.clients}/24", "dev", self._near)
        _ip("addr", "add", f"{self.here}/24", "dev", self._near)
        _ip("link", "set", self._near, "up")
        self._far_ip("addr", "add", f"{self.away}/24", "dev", self._far)
        self._far_ip("link", "set", self._far, "up")
        self._far_ip("link", "set", "lo", "up")

    def partition(self) -> None:
        """Let no packet come from away to the servers here; nobody is told."""
        if not self.cut:
            self._far_ip("route", "add", "blackhole", f"{self.here}/32")
            self.cut = True

    def heal(self) -> None:
        """Let everything pass again."""
        if self.cut:
            self._far_ip("route", "del", "blackhole", f"{self.here}/32")
            self.cut = False

    def close(self) -> None:
        """Take it down; the servers away are stopped by then."""
        # The interfaces go with the namespace that holds one of them.
        _ip("netns", "del", self.namespace)

    def _far_ip(self, *words: str) -> None:
        _ip("-n", self.namespace, *words)


def _ip(*words: str) -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    subprocess.run(
        ["ip", *words], check=True, capture_output=True, timeout=_IP_S, env={"PATH": path}
    )


def need_network() -> None:
    """Skip the test where there can be no such network."""
    if reason := Network.missing():
        pytest.skip(reason)
