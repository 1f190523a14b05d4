"""What leaves this server, and where it may go."""

from __future__ import annotations

import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from server.auth.vapid import Vapid, unpadded
from server.push.encryption import encrypt
from server.push.sender import PublicResolver
from tests.helpers import wait_until
from tests.push.conftest import KEY, World
from tests.push.service import padless


def test_the_example_of_the_standard_comes_out() -> None:
    # RFC 8291, appendix A.
    own = unpadded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        salt=unpadded("DGv6ra1nlYgDCS1FRnbzlw"),
        own=ec.derive_private_key(int.from_bytes(own), ec.SECP256R1()),
    )
    assert padless(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAm"
        "S6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_"
        "Qulcy4a-fN"
    )


def test_a_token_is_signed_once_for_each_service() -> None:
    vapid = Vapid(KEY, "mailto:alice@example.org")
    one = vapid.authorization("https://push.example.org/a")
    assert vapid.authorization("https://push.example.org/b") == one
    assert vapid.authorization("https://other.example.org/a") != one
    assert len(unpadded(vapid.public_key)) == 65


@pytest.mark.parametrize("key", ["", "short", padless(bytes(32)), padless(b"\xff" * 32)])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Vapid(key, "")


async def test_a_name_that_leads_to_this_machine_is_not_called() -> None:
    resolver = PublicResolver()
    with pytest.raises(OSError, match="public"):
        await resolver.resolve("localhost", 443, socket.AF_INET)
    await resolver.close()


async def test_a_redirect_is_not_followed(world: World) -> None:
    await world.device(world.alice, "phone")
    world.service.answers = [307]
    world.service.headers = {"Location": "/send/phone"}
    world.say("@alice")
    await wait_until(lambda: world.service.calls == 1, 10, "the service was called")
    world.service.headers = {}
    world.say("@alice, here")
    assert (await world.service.next()).said["body"] == "Bob: @alice, here"
    assert world.service.calls == 2
