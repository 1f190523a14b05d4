"""The function library against a model: any calls in any order, restarts and losses among them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import hypothesis
import orjson
import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from server.domain import events
from server.domain.drained import Drained
from server.domain.errors import Refusal
from server.domain.positions import START, Position
from server.domain.rooms import User
from server.runtime.settings import Settings
from server.state import drain, history
from server.state.changes import Change, UnknownTarget, Vouched, change
from server.state.history import Entry
from server.state.moderation import Action, Moderation
from server.state.posts import COLD, Post, Posted, post
from tests.conftest import MakeSettings
from tests.helpers import REDIS_KINDS
from tests.state.model import Live, Stored, code_of, expect_moderation, name_of
from tests.state.world import ROOMS, World

LOG_EVENTS, DRAIN_LIMIT, LIMIT, TAIL = 4, 14, 9, 3
MAY_DELETE = {"owner", "moderator"}
PEOPLE = {name: User(name, name.title()) for name in ("alice", "bob", "mallory")}
CHANGES: dict[str, Callable[[str, User, str], events.ChangeParts]] = {
    "e": lambda room, user, cid: events.edited(room, user, cid, "better words"),
    "x": events.deleted,
    "a": lambda room, user, cid: events.reaction(room, user, cid, "👍", True),
    "n": lambda room, user, cid: events.pinned(room, user, cid, True),
}
RULES = hypothesis.settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    # Shrinking a failure takes minutes and makes it no clearer.
    phases=[phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.shrink],
    suppress_health_check=list(hypothesis.HealthCheck),
)

rooms_ = st.sampled_from(sorted(ROOMS))
people = st.sampled_from(sorted(PEOPLE))
deeds = st.tuples(
    st.sampled_from(["alice", "alice", "bob", "mallory"]), people, st.sampled_from(Action)
)
rarely = st.integers(0, 3).map(lambda number: number == 0)
posts = st.tuples(rooms_, people, st.integers(0, 4))


class Library(World, RuleBasedStateMachine):
    """Any calls in any order; after each one Redis and the model say the same."""

    url: str
    settings_: Settings

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        World.__init__(self, self.url, self.settings_)

    def teardown(self) -> None:
        self.close()

    @initialize()
    def begin(self) -> None:
        for room in ROOMS:
            self.hydrate(room)
            self.chatter(room, 6)
            self.enter(room, "bob")
            self._moderate(room, "alice", "bob", Action.MUTED)

    # --- Talk ---------------------------------------------------------------------------

    @rule(room=rooms_, count=st.integers(2, 6))
    def chatter(self, room: str, count: int) -> None:
        """The owner says something new several times: logs grow, and lose their beginning."""
        said = [(room, "alice", self.numbers + n) for n in range(count)]
        self.numbers += count
        self.publish(said)

    @rule(said=st.lists(posts, min_size=1, max_size=6))
    def publish(self, said: list[tuple[str, str, int]]) -> None:
        batch = [Post(room, PEOPLE[who], f"c{n}", f"{who} {n}") for room, who, n in said]
        want = self._expect_posts(batch)
        outcomes = self.run(post(self.client, batch))
        self.listen()
        for item, outcome, code in zip(batch, outcomes, want, strict=True):
            if code == "ok":
                assert isinstance(outcome, Posted)
                assert not outcome.duplicate
                assert self.event_at(item.room, outcome.position)["cid"] == item.cid
                self.seen[item.room, item.user.id, item.cid] = outcome
            elif code == "dup":
                first = self.seen[item.room, item.user.id, item.cid]
                assert outcome == first._replace(duplicate=True)
            else:
                assert (code_of(outcome) if outcome is not COLD else "cold") == code
        for item in batch:
            if item.room not in self.live:
                self.hydrate(item.room)

    def _expect_posts(self, batch: Sequence[Post]) -> list[str]:
        codes = []
        new: set[tuple[str, str, str]] = set()
        waiting = {p: len(line.drain) for p, line in self.lines.items()}
        for item in batch:
            name = (item.room, item.user.id, item.cid)
            partition = self.client.partition_of(item.room)
            live = self.live.get(item.room)
            if name in self.seen or name in new:
                code = "dup"
            elif live is None:
                code = "cold"
            elif live.deleted:
                code = "room_gone"
            elif live.members.get(item.user.id, "banned") == "banned":
                code = "not_a_member"
            elif live.members[item.user.id] == "muted":
                code = "muted"
            elif waiting[partition] >= DRAIN_LIMIT:
                code = "storage_backlog"
            else:
                code = "ok"
                waiting[partition] += 1
                new.add(name)
                self.expected.append((item.room, "m", item.user.id))
            codes.append(code)
        return codes

    @rule(
        room=rooms_,
        who=people,
        kind=st.sampled_from(sorted(CHANGES)),
        number=st.integers(0, 9),
        back=st.integers(0, 8),
    )
    def change(self, room: str, who: str, kind: str, number: int, back: int) -> None:
        live = self.live.get(room)
        entries = live.entries if live else []
        entry = entries[-1 - back] if back < len(entries) else None
        target = entry.position if entry else Position(1, 1)
        user, cid = PEOPLE[who], f"k{number}"
        asked = Change(room, user, cid, target, CHANGES[kind](room, user, cid))
        want = self._expect_change(asked, live, entry)
        if want == "dup":
            first = self.seen[room, who, cid]
            found = self.ask(self._change(asked, entry), "ok")
            assert found == first._replace(duplicate=True)
            return
        if want == "ok":
            self.expected.append((room, kind, who))
        found = self.ask(self._change(asked, entry), want)
        if found is None or entry is None:
            return
        fields = self.event_at(room, found.position)
        self.seen[room, who, cid] = found
        author, cid = name_of(entry) or ("", "")
        assert fields["target"] == {**target._asdict(), "user": author, "cid": cid}
        if kind == "x":
            at = orjson.loads(entry.event)["at"]
            self.gone.add((room, author, cid))
            self.seen.setdefault((room, author, cid), Posted(target, at, duplicate=False))

    def _expect_change(self, asked: Change, live: Live | None, entry: Entry | None) -> str:
        who = asked.user.id
        if (asked.room, who, asked.cid) in self.seen:
            return "dup"
        if live is None:
            return "cold"
        if live.deleted:
            return "room_gone"
        if live.role(who) in {"", "muted"}:
            return live.role(who) or "not_a_member"
        if entry is None or entry.kind != "m":
            return "message_not_found"
        author, cid = name_of(entry) or ("", "")
        if (asked.room, author, cid) in self.gone:
            return "message_not_found"
        kind = asked.parts.kind
        leads, own = live.members[who] in MAY_DELETE, who == author
        if not {"e": own, "x": own or leads, "n": leads}.get(kind, True):
            return "forbidden"
        full = len(self.line(asked.room).drain) >= DRAIN_LIMIT
        return "storage_backlog" if full else "ok"

    async def _change(self, asked: Change, entry: Entry | None) -> Posted:
        """Ask as the archive does: PostgreSQL vouches for what the log does not have."""
        try:
            return await change(self.client, asked)
        except UnknownTarget:
            stored = self.stored[asked.room].entries
            if entry is None or entry.kind != "m" or entry not in stored:
                raise Refusal("message_not_found") from None
            vouched = Vouched(*(name_of(entry) or ("", "")), orjson.loads(entry.event)["at"])
            return await change(self.client, asked, vouched)

    # --- People -------------------------------------------------------------------------

    @rule(room=rooms_, who=people)
    def enter(self, room: str, who: str) -> None:
        live = self.live.get(room)
        joins = live is not None and not live.deleted and who not in live.members
        if live is None:
            want = "cold"
        elif live.deleted:
            want = "room_gone"
        elif not live.may_hear(who):
            want = "not_a_member"
        elif joins and len(self.line(room).drain) >= DRAIN_LIMIT:
            want = "storage_backlog"
        else:
            want = "ok"
            if joins:
                self.expected.append((room, "j", who))
        found = self.ask(self.rooms.enter(room, PEOPLE[who]), want)
        if want == "cold":
            self.hydrate(room)
        if found is None:
            return
        assert live is not None
        if joins:
            live.members[who] = "member"
            live.reads[who] = (live.position, live.messages)
        assert found.joined is joins
        assert found.role.value == live.members[who]
        assert (found.position, found.saved) == (live.position, live.saved)
        assert found.read == live.reads.get(who, (START, 0))[0]
        assert found.unread == live.unread(who)

    @rule(room=rooms_, who=people)
    def leave(self, room: str, who: str) -> None:
        live = self.live.get(room)
        if live is None:
            want = "cold"
        elif live.deleted:
            want = "room_gone"
        elif not live.role(who):
            want = "not_a_member"
        elif live.members[who] == "owner":
            want = "forbidden"
        else:
            want = "ok"
            self.expected.append((room, "l", who))
        self.ask(self.rooms.leave(room, PEOPLE[who]), want)
        if want == "ok" and live is not None:
            del live.members[who]
            live.reads.pop(who, None)

    @rule(room=rooms_, deeds=st.lists(deeds, min_size=1, max_size=4), said=st.integers(5, 9))
    def moderate(self, room: str, deeds: list[tuple[str, str, Action]], said: int) -> None:
        """Somebody says what others are; whom it is about is there, and tries what he may do."""
        for by, who, action in deeds:
            for person in (by, who):
                self.enter(room, person)
            self._moderate(room, by, who, action)
            self.publish([(room, who, said)])

    def _moderate(self, room: str, by: str, who: str, action: Action) -> None:
        live = self.live.get(room)
        full = len(self.line(room).drain) >= DRAIN_LIMIT
        want, changes = expect_moderation(live, by, who, action, full=full)
        if changes:
            kind = "l" if action in {Action.REMOVE, Action.BAN, Action.UNBAN} else "g"
            self.expected.append((room, kind, who))
        asked = Moderation(self.client).act(room, PEOPLE[by], PEOPLE[who], action)
        found = self.ask(asked, want)
        assert found in {None, changes}
        if changes and live is not None:
            live.moderate(who, action.value)

    @rule(room=rooms_, who=people, back=st.integers(0, 12))
    def read(self, room: str, who: str, back: int) -> None:
        live = self.live.get(room)
        if live is None:
            want = "cold"
        elif live.deleted:
            want = "room_gone"
        else:
            want = "ok" if live.role(who) else "not_a_member"
        entries = live.entries if live else []
        place = entries[-1 - back].position if back < len(entries) else START
        found = self.ask(self.rooms.read(room, PEOPLE[who], place), want)
        if found is None or live is None:
            return
        mark, unread = found
        old, messages = live.reads.get(who, (START, 0))
        assert mark == max(old, place)
        if place <= old:
            assert unread == live.unread(who)
            return
        after = sum(entry.kind == "m" for entry in live.entries if entry.position > place)
        if self.log(room) and self.log(room)[0].position <= place:
            assert unread == min(after, max(0, live.messages - messages))
        else:
            assert unread <= after
        live.reads[who] = (place, live.messages - unread)
        line = self.line(room)
        if len(line.drain) < DRAIN_LIMIT:
            self.wait(line, "r", (room, who, place, live.messages - unread))

    @rule(room=rooms_, really=rarely)
    def delete(self, room: str, really: bool) -> None:
        if not really:
            return
        live = self.live.get(room)
        first = live is None or not live.deleted
        if live is not None and first:
            self.expected.append((room, "d", "alice"))
        # PostgreSQL knows first, so that no hydration brings the room back.
        self.stored[room].deleted = True
        assert self.run(self.rooms.delete(room, PEOPLE["alice"])) is first
        self.listen()
        if live is None:
            live = self.live[room] = Live.hydrated(Stored(), ROOMS[room])
        live.deleted = True

    # --- Listeners ----------------------------------------------------------------------

    @rule(room=rooms_)
    def sync(self, room: str) -> None:
        """Come back from every place where somebody may have stopped, and from some odd ones."""
        self.chatter(room, 2)
        live = self.live.get(room)
        want = "cold" if live is None else "room_gone" if live.deleted else "ok"
        places = [entry.position for entry in live.entries[-12:]] if live else []
        top = places[-1] if places else START
        odd = [Position(top.epoch + 1, top.seq), Position(top.epoch - 1, max(1, top.seq - 1))]
        log = self.log(room)
        odd += [lost for lost in self.ghosts.get(room, ()) if lost not in places]
        for asked in (None, START, Position(top.epoch, top.seq + 1), *odd, *places):
            synced = self.answer(history.sync(self.client, room, asked, LIMIT, TAIL), want)
            if synced is None or live is None:
                break
            live.check_synced(synced, asked, LIMIT, log)

    # --- The writer ---------------------------------------------------------------------

    @rule(
        partition=st.integers(0, 1),
        count=st.sampled_from([1, 4, 50, 50]),
        way=st.sampled_from(["acknowledged", "acknowledged", "killed", "fenced"]),
    )
    def save(self, partition: int, count: int, way: str) -> None:
        line = self.lines[partition]
        self.chatter("attic", 3)
        self.run(drain.take_leases(self.client, [partition], "writer"))
        records = self.run(drain.read(self.client, [partition], count)).get(partition, [])
        assert len(records) == min(count, len(line.drain))
        saved: dict[str, Position] = {}
        for record, (number, kind, what) in zip(records, line.drain, strict=False):
            assert record.kind == kind
            if isinstance(what, Entry):
                assert record.payload == what.event
                room = orjson.loads(what.event)["room"]
                saved[room] = what.position
                self.stored[room].store(what, orjson.loads(what.event))
            else:
                room, user, position, messages = what
                self.stored[room].store_mark(user, position, messages)
            ms, seq = map(int, record.id.split(b"-"))
            if number > self.drained.get(partition, (0,))[0]:
                self.drained[partition] = (number, Drained(partition, ms, seq, line.highest))
        if not records or way == "killed":
            return
        token = "writer" if way == "acknowledged" else "frozen"
        done = self.run(drain.acknowledge(self.client, partition, token, records[-1].id, saved))
        assert done is (way == "acknowledged")
        if done:
            del line.drain[: len(records)]
            for room, position in saved.items():
                live = self.live.get(room)
                if live is not None and not live.deleted and position > live.saved:
                    live.saved = position
                    self.expected.append((room, "s", "-"))
        self.listen()

    @rule(room=rooms_)
    def hydrate(self, room: str) -> None:
        stored = self.stored[room]
        cold = room not in self.live
        snapshot = stored.snapshot(room, ROOMS[room], LOG_EVENTS)
        assert self.run(self.rooms.hydrate(snapshot)) is cold
        if cold:
            live = self.live[room] = Live.hydrated(stored, ROOMS[room])
            live.deleted = stored.deleted
            if not live.deleted:
                self.remember(room, stored.entries[-LOG_EVENTS:])
            line = self.line(room)
            line.highest = max(line.highest, stored.last.epoch)
        self.listen()

    # --- Redis --------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        """As after a kill with the file on: the data is there, the library starts anew."""
        self.settle()

    @rule(really=rarely)
    def lose(self, really: bool) -> None:
        """Everything is gone, as by FLUSHALL or a restart without a file."""
        if not really:
            return
        self.admin.flushall()
        self.live.clear()
        self.seen.clear()
        self.gone.clear()
        for line in self.lines.values():
            line.clock = 0
            line.drain.clear()
        self.settle()

    @rule()
    def back_up(self) -> None:
        """Keep a copy of everything that Redis has."""
        self.chatter("kitchen", 2)
        dumps = {name: self.admin.dump(name) for name in self.admin.scan_iter()}
        model = (self.live, self.seen, self.gone, self.lines)
        self.backup = ({name: dump for name, dump in dumps.items() if dump}, copy.deepcopy(model))

    @precondition(lambda self: self.backup is not None)
    @rule(really=rarely)
    def restore(self, really: bool) -> None:
        """Redis is as it was at the last copy; PostgreSQL may have gone on."""
        if not really or self.backup is None:
            return
        dumps, model = self.backup
        for room in ROOMS:
            self.chatter(room, 3)
        self.admin.flushall()
        for name, dump in dumps.items():
            self.admin.restore(name, 0, dump)
        # Who heard what is forgotten now comes back with a place that nobody knows any more.
        for room, live in self.live.items():
            self.ghosts[room] = [entry.position for entry in live.entries[-5:]]
        highest = {partition: line.highest for partition, line in self.lines.items()}
        self.live, self.seen, self.gone, self.lines = copy.deepcopy(model)
        for partition, line in self.lines.items():
            line.highest = highest[partition]
        self.settle()
        for room in ROOMS:
            self.sync(room)

    # --- What always holds --------------------------------------------------------------

    @invariant()
    def the_log_is_the_end_of_the_history(self) -> None:
        for room, live in self.live.items():
            if live.deleted:
                assert not self.log(room)
            else:
                live.check_log(self.log(room))

    @invariant()
    def a_list_of_rooms_tells_the_same(self) -> None:
        who = sorted(PEOPLE)[self.records % len(PEOPLE)]
        found = self.run(self.rooms.overview(sorted(ROOMS), who))
        assert found.keys() == {room for room, live in self.live.items() if not live.deleted}
        for room, seen in found.items():
            live = self.live[room]
            assert (seen.position, seen.saved) == (live.position, live.saved)
            assert (seen.messages, seen.members) == (live.messages, len(live.members))
            role = live.members.get(who)
            assert seen.role == role
            assert seen.unread == (live.unread(who) if role else 0)


@pytest.mark.fault(46)
@pytest.mark.timeout(180)
@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
def test_the_library_keeps_its_promises(redis_url: str, make_settings: MakeSettings) -> None:
    class Machine(Library):
        url = redis_url
        # Smaller than any installation may have it: the ends of everything are soon reached.
        settings_ = make_settings(partitions=2, send_rate=0).model_copy(
            update={"log_events": LOG_EVENTS, "drain_limit": DRAIN_LIMIT}
        )

    with redis.Redis.from_url(redis_url) as admin:
        # A log is trimmed by whole nodes: with small ones this happens in short histories too.
        usual = admin.config_get("stream-node-max-entries")
        admin.config_set("stream-node-max-entries", 1)
        try:
            run_state_machine_as_test(Machine, settings=RULES)
        finally:
            admin.config_set(*usual.popitem())
