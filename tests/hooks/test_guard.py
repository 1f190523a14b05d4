from __future__ import annotations

import socket

import pytest

from server.hooks.guard import GuardedResolver, PrivateAddress, is_public
from server.hooks.sender import Sender

PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("0.0.0.0", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "no address", ""),
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_our_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_everybodys_network_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("name", ["localhost", "127.1", "2130706433", "0x7f000001", "0"])
async def test_a_name_that_leads_home_is_refused(name: str) -> None:
    with pytest.raises(PrivateAddress):
        await GuardedResolver(private=False).resolve(name, 80, socket.AF_UNSPEC)
    found = await GuardedResolver(private=True).resolve(name, 80, socket.AF_UNSPEC)
    assert found


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"),
        *("%31%32%37.0.0.1", "0", "169.254.169.254", "[fe80::1%25eth0]"),
    ],
)
async def test_no_way_of_spelling_home_is_asked(host: str) -> None:
    asked: list[str] = []

    def listen() -> socket.socket:
        server = socket.create_server(("127.0.0.1", 0))
        server.setblocking(False)
        return server

    with listen() as server:
        port = server.getsockname()[1]
        async with Sender(private=False, timeout_s=5, at_once=1) as sender:
            outcome = await sender.post(f"http://{host}:{port}/", b"{}", {})
        assert outcome.error
        with pytest.raises(BlockingIOError):
            asked.append(str(server.accept()))
    assert asked == []
