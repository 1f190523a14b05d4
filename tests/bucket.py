"""A real S3 store for tests: SeaweedFS, which its wheel brings as the program ``weed``."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from aiohttp_s3_client import S3Client

from server.local.process import spawn, stop, wait_ready
from tests.helpers import free_port, require

KEY, SECRET, BUCKET = "beseda", "a-secret-of-the-tests", "files"
START_S = 60.0


@contextmanager
def seaweed(folder: Path) -> Iterator[str]:
    """Run one and give its address; it knows one person, who may do everything."""
    program = require("weed")
    keys = {"accessKey": KEY, "secretKey": SECRET}
    actions = ["Admin", "Read", "Write", "List"]
    config = folder / "s3.json"
    config.write_text(
        json.dumps({"identities": [{"name": KEY, "credentials": [keys], "actions": actions}]})
    )
    options = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-s3.config={config}"]
    for part in ("master", "volume", "filer", "s3"):
        options += [f"-{part}.port={free_port()}", f"-{part}.port.grpc={free_port()}"]
    port = free_port()
    options += [
        "-s3",
        f"-s3.port={port}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.max=20",
    ]
    options += ["-master.volumeSizeLimitMB=64", "-s3.autoCreateBucket=false"]
    log = folder / "weed.log"
    process = spawn([program, "-logtostderr", "server", *options], log=log, orphaned=signal.SIGKILL)
    try:
        wait_ready(process, lambda: _answers(port), name="weed", log=log, deadline_s=START_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    stop(process, signal.SIGKILL, 10.0)  # asked to end, it says goodbye for ten seconds


def _answers(port: int) -> bool:
    """Tell whether the store answers; whom it does not know, it refuses."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", f"/{BUCKET}/")
        return connection.getresponse().status == 403
    except OSError:
        return False
    finally:
        connection.close()


@asynccontextmanager
async def owner(url: str) -> AsyncIterator[S3Client]:
    """Open what the keeper of the store would see it with."""
    async with ClientSession() as session:
        yield S3Client(
            session, url, access_key_id=KEY, secret_access_key=SECRET, region="us-east-1"
        )


async def names_in_bucket(url: str) -> list[str]:
    """List what is in the bucket, the ends of the names."""
    async with owner(f"{url}/{BUCKET}") as client:
        found: list[Any] = []
        async for page in client.list_objects_v2():
            found += page[0]
    return sorted(meta.key.rpartition("/")[2] for meta in found)
