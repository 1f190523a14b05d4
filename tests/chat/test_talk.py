"""People talk: the happy path over real sockets, Redis and PostgreSQL."""

from __future__ import annotations

import asyncio

from server.domain.ids import new_id
from tests.chat.town import Person, Replica, Town


async def test_a_message_reaches_everybody_and_its_sender(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    said = await hers.say(kitchen, "Tea?", cid="c1")
    for talker in (hers, his):
        heard = await talker.event("message", cid="c1")
        assert heard["text"] == "Tea?"
        assert heard["user"] == alice.user._asdict()
        assert (heard["epoch"], heard["seq"], heard["at"]) == (
            said["epoch"],
            said["seq"],
            said["at"],
        )
    assert said["dup"] is False


async def test_hello_comes_first_and_the_implied_answer_next(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, answer = await replica.enter(alice, kitchen)
    hello = hers.order[0]
    assert hello["ev"] == "hello"
    assert hello["user"] == alice.user._asdict()
    assert 0 < hello["expires_s"] <= 30 * 60
    assert hers.order[1]["re"] == "subscribe"
    assert answer["mode"] == "live"
    assert answer["role"] == "owner"
    assert set(answer) == {
        "room", "epoch", "seq", "mode", "role", "read", "unread", "saved", "online",
    }  # fmt: skip


async def test_people_on_two_replicas_see_the_same_order(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await other.enter(bob, kitchen)
    await asyncio.gather(
        *(hers.say(kitchen, f"alice {n}") for n in range(50)),
        *(his.say(kitchen, f"bob {n}") for n in range(50)),
    )
    for talker in (hers, his):
        await talker.heard(kitchen, 100)
        seqs = talker.seqs(kitchen)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert hers.texts(kitchen) == his.texts(kitchen)
    for name in ("alice", "bob"):
        spoken = [text for text in hers.texts(kitchen) if text.startswith(name)]
        assert spoken == [f"{name} {n}" for n in range(50)]


async def test_the_same_cid_a_hundred_times_at_once_over_two_replicas_is_one_message(
    town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    other = await town.replica()
    here, _ = await replica.enter(alice, kitchen)
    there, _ = await other.enter(alice, kitchen)
    cid = new_id()
    said = await asyncio.gather(
        *(talker.say(kitchen, "once", cid=cid) for talker in [here, there] * 50)
    )
    assert len({(each["epoch"], each["seq"], each["at"]) for each in said}) == 1
    assert sum(not each["dup"] for each in said) == 1
    await here.say(kitchen, "after")
    for talker in (here, there):
        await talker.event("message", text="after")
        assert talker.texts(kitchen) == ["once", "after"]


async def test_the_same_cid_of_another_person_is_another_message(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    first = await hers.say(kitchen, "hers", cid="c1")
    again = await hers.say(kitchen, "changed", cid="c1")
    second = await his.say(kitchen, "his", cid="c1")
    assert again == first | {"dup": True}
    assert second["seq"] == first["seq"] + 1
    await his.event("message", text="his")
    assert his.texts(kitchen) == ["hers", "his"]


async def test_somebody_who_comes_for_the_first_time_joins(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, answer = await replica.enter(bob, kitchen)
    joined = await hers.event("joined")
    assert joined["user"] == bob.user._asdict()
    assert answer["role"] == "member"
    await his.say(kitchen, "hello")
    await hers.event("message", text="hello")


async def test_typing_is_told_to_the_others_at_most_once_in_an_interval(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    phone, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    for _ in range(3):
        assert await hers.ask("typing", room=kitchen) == {"room": kitchen}
    await his.event("typing", user=alice.user._asdict())
    await hers.say(kitchen, "done")
    for talker in (hers, phone, his):
        await talker.event("message", text="done")
    assert [e["ev"] for e in his.events].count("typing") == 1
    assert "typing" not in [e["ev"] for e in hers.events + phone.events]


async def test_presence_tells_who_came_and_who_went(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    hers, _ = await replica.enter(alice, kitchen)
    await hers.event("presence", online=1, came=[alice.user._asdict()])
    his, _ = await other.enter(bob, kitchen)
    came = await hers.event("presence", online=2)
    assert came["came"] == [bob.user._asdict()]
    phone, answer = await replica.enter(bob, kitchen)
    assert answer["online"] == 2
    await his.ws.close()
    await phone.ws.close()
    went = await hers.event("presence", online=1, went=[bob.user.id])
    assert went["came"] == []


async def test_reading_counts_down_what_is_unread(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    his, _ = await replica.enter(bob, kitchen)
    hers, _ = await replica.enter(alice, kitchen)
    said = [await hers.say(kitchen, f"{n}") for n in range(3)]
    place = {"epoch": said[1]["epoch"], "seq": said[1]["seq"]}
    assert await his.ask("read", room=kitchen, **place) == {"room": kitchen, **place, "unread": 1}
    _, answer = await replica.enter(bob, kitchen)
    assert answer["read"] == place
    assert answer["unread"] == 1


async def test_history_gives_pages_by_position(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    said = [await hers.say(kitchen, f"{n}") for n in range(5)]
    edge = {"epoch": said[3]["epoch"], "seq": said[3]["seq"]}
    page = await hers.ask("history", room=kitchen, before=edge, limit=2)
    assert [event["text"] for event in page["events"]] == ["1", "2"]
    assert page["more"] is True
    page = await hers.ask("history", room=kitchen, after=edge)
    assert [event["text"] for event in page["events"]] == ["4"]
    assert page["more"] is False


async def test_a_socket_without_a_room_hears_the_rooms_it_subscribes_to(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    garden = await town.room(alice, "garden")
    his = await replica.connect(bob)
    hers = await replica.connect(alice)
    for talker in (his, hers):
        for room in (kitchen, garden):
            assert (await talker.ask("subscribe", room=room))["mode"] == "live"
    assert await his.ask("unsubscribe", room=garden) == {"room": garden}
    await hers.say(garden, "roses")
    await hers.say(kitchen, "bread")
    await his.event("message", text="bread")
    assert his.texts(garden) == []
    assert await his.refused("unsubscribe", room=garden) == "not_subscribed"
    assert await his.refused("send", room=garden, cid="c1", text="?") == "not_subscribed"


async def test_ping_is_answered_with_the_time(replica: Replica, alice: Person) -> None:
    hers = await replica.connect(alice)
    assert (await hers.ask("ping"))["at"] > 1_700_000_000_000


async def test_rooms_that_nobody_hears_are_let_go(town: Town, alice: Person, kitchen: str) -> None:
    replica = await town.replica(room_linger_s=0.0)
    hers, _ = await replica.enter(alice, kitchen)
    assert [room.id for room in replica.chat.lobby] == [kitchen]
    await hers.ask("unsubscribe", room=kitchen)
    await hers.until(lambda: not list(replica.chat.lobby))
    assert replica.chat.lobby.partitions == []
    assert (await hers.ask("subscribe", room=kitchen))["mode"] == "live"
    await hers.say(kitchen, "still here")
    await hers.event("message", text="still here")
