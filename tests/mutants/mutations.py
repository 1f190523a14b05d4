"""The faults that the judge must see, each with the provocation that brings it to light."""

from __future__ import annotations

from tests.mutants import provocations as provoke
from tests.mutants.mutation import Mutation
from tests.mutants.provocations import Provocation

_APPLY = """\
        self.ring.append(position, frame)
        self._queue(frame)
"""

MUTATIONS: dict[str, tuple[Provocation, Mutation]] = {
    "a repeated message is a new one": (
        provoke.send_again,
        Mutation(
            "state/functions/publish.lua",
            "local known, seq_then, at_then = recall(seen, cid)",
            "local known, seq_then, at_then",
            "D",
            "shows",
        ),
    ),
    "the drain is trimmed by its length": (
        provoke.writer_sleeps,
        Mutation(
            "state/functions/prelude.lua",
            "redis.call('XADD', partition.drain, '*', kind, event)",
            "redis.call('XADD', partition.drain, 'MAXLEN', 100, '*', kind, event)",
            "L",
            "was said to be saved and is not stored",
        ),
    ),
    "a resume gives what there is": (
        provoke.long_absence,
        Mutation(
            "state/functions/sync.lua",
            "if #entries == missed then",
            "if #entries > 0 or missed == 0 then",
            "G",
            "came after",
        ),
    ),
    "the writer acknowledges before it saves": (
        provoke.writer_dies_while_saving,
        Mutation(
            "writer/drain.py",
            """\
            await self._save(entries)
            await self._acknowledge(entries)
""",
            """\
            await self._acknowledge(entries)
            await self._save(entries)
""",
            "L",
            "was said to be saved and is not stored",
        ),
    ),
    "a watermark runs ahead": (
        provoke.talk,
        Mutation(
            "writer/batch.py",
            "(row.epoch, row.seq)\n",
            "(row.epoch, row.seq + 3)\n",
            "L",
            "saved is",
        ),
    ),
    "a frame is dropped on its way to the members": (
        provoke.talk,
        Mutation(
            "chat/room.py",
            _APPLY,
            _APPLY.replace(
                "        self._queue",
                "        if position.seq != 20:\n    " + " " * 8 + "self._queue",
            ),
            "G",
            "came after",
        ),
    ),
    "two frames are swapped": (
        provoke.talk,
        Mutation(
            "chat/room.py",
            _APPLY,
            """\
        self.ring.append(position, frame)
        if position.seq == 20:
            self._late = frame
            return
        self._queue(frame)
        if position.seq == 21:
            self._queue(self._late)
""",
            "O",
            "came after",
        ),
    ),
    "a frame is written twice": (
        provoke.talk,
        Mutation(
            "chat/room.py",
            _APPLY,
            _APPLY + "        if position.seq == 20:\n            self._queue(frame)\n",
            "D",
            "came twice",
        ),
    ),
    "each socket leaves a task behind": (
        provoke.sockets_end_and_begin,
        Mutation(
            "chat/door.py",
            "joining = await self._join(request, identity)",
            "joining, self.kept = await self._join(request, identity), "
            "(self.__dict__.get('kept'), asyncio.create_task(asyncio.sleep(900)))",
            "M",
            "tasks are",
        ),
    ),
    "a hole is taken for the next event": (
        provoke.publications_get_lost,
        Mutation(
            "chat/room.py",
            "        return position.seq == self.position.seq + 1 and position.epoch",
            "        return position.seq > self.position.seq and position.epoch",
            "G",
            "came after",
        ),
    ),
    "nobody looks for a publication that nothing follows": (
        provoke.last_publication_gets_lost,
        Mutation(
            "state/feed.py",
            """\
                    channel.link.send("SSUBSCRIBE", name)
                self._on_missed(channel.partition)
""",
            """\
                    channel.link.send("SSUBSCRIBE", name)
""",
            "L",
            "the room at",
        ),
    ),
    "a room comes back with a place that was given before": (
        provoke.redis_forgets_everything,
        Mutation(
            "state/functions/hydrate.lua",
            "'place', args[5] .. '-' .. args[6]",
            "'place', args[5] .. '-' .. text(math.max(0, args[6] - 5))",
            "O",
            "is stored after",
        ),
    ),
    "a Redis that went back in time is trusted": (
        provoke.redis_goes_back_in_time,
        Mutation(
            "state/functions/settle.lua",
            "  if ends_before(keys[2], ms, seq) then\n",
            "  if false then\n",
            "G",
            "missing in Redis's log",
        ),
    ),
}
