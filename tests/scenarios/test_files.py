"""A file through the whole of Beseda: up at one replica, down at the other, and gone."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain.ids import new_id
from tests.helpers import wait_until
from tests.scenarios.client import Refused
from tests.scenarios.conftest import MakeSystem

DATA = bytes(range(256)) * 4096


async def test_a_file_is_sent_read_by_others_and_gone_with_its_message(
    make_system: MakeSystem,
) -> None:
    async with make_system() as system:
        alice, bob = await system.register("alice"), await system.register("bob")
        room = await alice.create_room("Kitchen", private=False)
        hers, his = await alice.open(room), await bob.open(room, replica=1)
        up = await alice.post(f"/api/v1/rooms/{room}/files?name=boat.bin", data=DATA)
        assert up.status == 201, up.text
        file, token = up.json["file"], up.json["token"]
        with pytest.raises(Refused, match="invalid_file"):
            await his.ask("send", room=room, cid=new_id(), text="mine", files=[token])
        cid = new_id()
        fields: dict[str, Any] = {"room": room, "cid": cid, "text": "", "files": [token]}
        sent = await hers.ask("send", **fields)
        assert (await hers.ask("send", **fields))["dup"]
        path = f"/files/{file['id']}/boat.bin"
        await wait_until(lambda: (alice.id, cid) in his.places, description="bob hears of it")
        down = await bob.get(path, replica=1)
        assert (down.status, down.body) == (200, DATA)

        async def is_saved() -> bool:
            page = (await bob.get(f"/api/v1/rooms/{room}/messages", replica=1)).json
            newest = page["events"][-1]
            assert (newest["cid"], newest["files"]) == (cid, [file])
            return bool(page["saved"]["seq"] >= sent["seq"])

        await wait_until(is_saved, description="it is saved")
        assert (await bob.get(path, replica=1)).status == 200
        where = {name: sent[name] for name in ("epoch", "seq")}
        await hers.ask("delete", room=room, cid=new_id(), **where)

        async def is_gone() -> bool:
            answer = await bob.get(path, replica=1, headers={"Accept": "application/json"})
            assert answer.status in {200, 404}
            return answer.status == 404

        await wait_until(is_gone, description="the file is gone")
