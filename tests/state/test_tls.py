"""Over TLS, with a certificate of one's own: commands and the feed go by what the address says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.domain.errors import Refusal
from server.local.valkey import Valkey
from server.state.client import open_redis
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.helpers import free_port, require, wait_until
from tests.state.conftest import snapshot
from tests.state.test_feed import Listener, listening
from tests.state.test_posts import say


@pytest.fixture
def tls_url(server_folder: Path) -> Iterator[str]:
    """Address of a server with a certificate that only we trust."""
    folder = server_folder / "tls"
    folder.mkdir()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *(require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", certificate, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    port = free_port()
    options = {
        "tls-port": str(port),
        "tls-cert-file": f'"{certificate}"',
        "tls-key-file": f'"{key}"',
        "tls-ca-cert-file": f'"{certificate}"',
        "tls-auth-clients": "no",
    }
    server = Valkey(folder / "server", binary=require("redis-server"), options=options)
    server.start()
    yield f"rediss://localhost:{port}/0?ssl_ca_certs={certificate}"
    server.stop()
    shutil.rmtree(folder)


async def test_commands_and_the_feed_trust_the_certificate_that_the_address_names(
    tls_url: str, make_settings: MakeSettings
) -> None:
    async with open_redis(make_settings(redis_url=tls_url, send_rate=0)) as client:
        await Rooms(client).hydrate(snapshot("kitchen"))
        listener = Listener(client)
        async with listening(listener.feed, client.partition_of("kitchen")):
            await say(client, "hello")
            await wait_until(lambda: any(event.kind == "m" for event in listener.events))


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_url: str, make_settings: MakeSettings
) -> None:
    url = tls_url.partition("?")[0]
    with pytest.raises(Refusal):
        async with open_redis(make_settings(redis_url=url, startup_s=0.5)):
            pass
