"""A page without a screen: one room on one socket, an outbox, and a ledger of all of it.

The rule for whatever comes is the page's: apply the next event, ignore a known one, ask for the
gap otherwise; come back with the last position; send a message again under the same ``cid``
until it is saved.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from server.domain.errors import CloseCode
from server.domain.positions import Position
from tests.helpers import end
from tests.scenarios.erased import Identity
from tests.scenarios.ledger import Connection, Ledger, Sent, position_of
from tests.scenarios.outbox import Outbox
from tests.scenarios.refused import PASSING, Lost, Refused

if TYPE_CHECKING:
    from tests.scenarios.person import Person

__all__ = ["PASSING", "Client", "Lost", "Refused"]

ANSWER_S = 5.0
"""A send without an answer for so long is sent again."""

NOT_FOUND_TRIES = 20
"""So often a change is sent again whose message is not there."""

FIRST_PAUSE_S = 0.1
MOST_PAUSE_S = 1.0
WAIT_S = 30.0
"""Waiting for what has no promised time, on a busy machine."""

FINAL_FROM = 4500
_GONE = {404: "room_not_found", 401: "unauthorized", 403: "forbidden", 410: "room_gone"}


class Client:
    """One person in one room.

    Attributes:
        ledger: everything that was sent and heard.
        live: whether the room is heard now.
        live_at: when that began the last time, in monotonic seconds.
        replica: number of the replica that it is, or tries to be, connected to.
    """

    def __init__(
        self,
        person: Person,
        room: str,
        replica: int = 0,
        position: Position | None = None,
        *,
        label: str = "",
    ) -> None:
        self.person = person
        self.room = room
        self.replica = replica
        self.live = False
        self.live_at = 0.0
        self.mode = ""
        self.ledger = Ledger(label or f"{person.name}@{room}", person.id, room)
        self.ledger.start = self.ledger.last = position
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._connection: Connection | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._outbox = Outbox(self.ledger)
        self._changed = asyncio.Event()
        self._pumped = asyncio.Event()
        self._may_connect = asyncio.Event()
        self._may_connect.set()
        self._repairing = False
        self._after_s: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._places: dict[Identity, Position] = {}

    # --- For tests ----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, and to send what is said."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._pump())]

    def say(self, text: str, cid: str | None = None) -> str:
        """Put a message into the outbox; returns its ``cid`` at once."""
        sent = self._outbox.add(text, cid)
        self._wake()
        return sent.cid

    def edit(self, message: Identity, text: str) -> str:
        """Give an own message another text; returns the ``cid`` of the change at once."""
        return self._change("edit", message, text, {"text": text})

    def delete(self, message: Identity) -> str:
        """Delete a message; returns the ``cid`` of the change at once."""
        return self._change("delete", message, "", {})

    def react(self, message: Identity, emoji: str, *, on: bool) -> str:
        """Put an emoji under a message, or take it away; returns the ``cid`` at once."""
        return self._change("react", message, "", {"emoji": emoji, "on": on})

    @property
    def compressed(self) -> bool:
        """Whether compression was agreed on."""
        return self._ws is not None and bool(self._ws.compress)

    @property
    def over(self) -> str | None:
        """Why it ended for good, as a code, or None."""
        return self.ledger.over

    @property
    def places(self) -> dict[Identity, Position]:
        """The messages that it has seen, and where it saw each last."""
        return self._places

    @property
    def unsaved(self) -> int:
        """Messages in the outbox."""
        return len(self._outbox)

    @property
    def last(self) -> Position | None:
        """The newest position that was applied."""
        return self.ledger.last

    def texts(self) -> list[str]:
        """The messages on the screen."""
        return [each["text"] for each in self.ledger.screen if each["ev"] == "message"]

    async def until(self, predicate: Callable[[], Any], what: str, timeout: float = WAIT_S) -> None:
        """Wait for something about this client."""
        try:
            async with asyncio.timeout(timeout):
                while not predicate():
                    for task in self._tasks:
                        if task.done() and not task.cancelled():
                            task.result()  # a fault of the client itself
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.ledger.who} waited {timeout:g} s until {what}: {self.describe()}\n"
                f"{self.person.system.report()}"
            ) from None

    async def is_live(self, timeout: float = WAIT_S) -> None:
        """Wait until the room is heard."""
        await self.until(lambda: self.live or self.over, "the room is heard", timeout)
        assert self.live, f"{self.ledger.who} is over: {self.over}"

    async def is_acknowledged(self, cid: str, timeout: float = WAIT_S) -> None:
        """Wait until a message is in Redis."""
        sent = self.ledger.sent[cid]
        await self.until(lambda: sent.acknowledged_at, "a message is acknowledged", timeout)

    async def is_saved(self, cid: str, timeout: float = WAIT_S) -> None:
        """Wait until a message is in PostgreSQL."""
        sent = self.ledger.sent[cid]
        await self.until(lambda: sent.saved_at, "a message is saved", timeout)

    async def sees(self, text: str, timeout: float = WAIT_S) -> None:
        """Wait until a text is on the screen."""
        await self.until(lambda: text in self.texts(), f"{text!r} is seen", timeout)

    async def is_settled(self, timeout: float = WAIT_S) -> None:
        """Wait until the room is heard and the outbox is empty."""
        await self.until(lambda: self.live and not self._outbox, "all is saved", timeout)

    async def has_heard(self, position: Position, timeout: float = WAIT_S) -> None:
        """Wait until everything up to a position was applied."""
        ledger = self.ledger
        await self.until(
            lambda: ledger.last is not None and ledger.last >= position,
            f"everything up to {position} is heard",
            timeout,
        )

    async def sees_all_of(self, other: Client, cid: str, timeout: float = WAIT_S) -> None:
        """Wait until a message of another client is saved there and seen here."""
        await other.is_saved(cid, timeout)
        await self.sees(other.ledger.sent[cid].text, timeout)

    async def is_over(self, timeout: float = WAIT_S) -> str:
        """Wait for the end of the room for this client; returns why."""
        await self.until(lambda: self.over, "the room is over", timeout)
        return str(self.over)

    async def ask(self, op: str, *, re: str | None = None, **fields: Any) -> dict[str, Any]:
        """Send an op on the present socket and return its ``ok``; ``re`` is the op's id.

        Raises:
            Refused: the server said no.
            Lost: the socket went away.
        """
        ws = self._ws
        if ws is None or ws.closed:
            raise Lost
        re = re or str(next(self._numbers))
        answer = asyncio.get_running_loop().create_future()
        self._answers[re] = answer
        try:
            await ws.send_str(orjson.dumps({"op": op, "id": re, **fields}).decode())
        except (ConnectionError, aiohttp.ClientError) as error:
            self._answers.pop(re, None)
            raise Lost from error
        try:
            async with asyncio.timeout(ANSWER_S):
                frame = await answer
        except TimeoutError as error:
            raise Lost from error
        finally:
            self._answers.pop(re, None)
        if "err" in frame:
            raise Refused(frame["err"])
        ok: dict[str, Any] = frame["ok"]
        return ok

    def cut(self) -> None:
        """Lose the network: the socket is dropped without a word, nobody comes back yet."""
        self._may_connect.clear()
        self._drop()

    async def come_back(self, replica: int | None = None) -> None:
        """Have the network again; wait until the room is heard."""
        if replica is not None:
            self.replica = replica
        self._may_connect.set()
        await self.is_live()

    async def close(self) -> None:
        """Close the page: nothing more is sent or heard."""
        self._drop()  # while it is known which socket it is
        await end(self._tasks)
        self._drop()

    async def leave_for_good(self) -> None:
        """Close the page with whatever is in the outbox: the sender is not alive any more."""
        self.ledger.alive = False
        await self.close()

    def describe(self) -> str:
        """One line for a failure."""
        return (
            f"live={self.live} over={self.over} replica={self.replica} last={self.last} "
            f"saved={self.ledger.saved} unsaved={len(self._outbox)} due={self._outbox.due} "
            f"connections={len(self.ledger.connections)} passing={self.ledger.passing[-3:]} "
            f"closed={[each.closed for each in self.ledger.connections][-5:]}"
        )

    # --- The connection -----------------------------------------------------------------

    async def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while self.over is None:
            await self._may_connect.wait()
            lived = await self._connect_once()
            if self.over is not None:
                return
            pause = FIRST_PAUSE_S if lived else min(pause * 2, MOST_PAUSE_S)
            wait_s = pause * random.uniform(0.5, 1.0)
            if self._after_s is not None:
                wait_s, self._after_s = self._after_s, None
            self.replica = (self.replica + 1) % len(self.person.system.replicas)
            await asyncio.sleep(wait_s)

    async def _connect_once(self) -> bool:
        """Serve one socket to its end; returns whether the room was heard on it."""
        system = self.person.system
        position = self.ledger.last
        query = "" if position is None else f"?epoch={position.epoch}&seq={position.seq}"
        url = f"{system.replicas[self.replica].ws_url}/ws/{self.room}{query}"
        try:
            async with asyncio.timeout(ANSWER_S):
                ws = await system.http.ws_connect(
                    url, headers=self.person.bearer, max_msg_size=0, compress=self.person.compress
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status in _GONE:
                self._end(_GONE[error.status])
            return False
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        connection = Connection(self.replica, position)
        self.ledger.connections.append(connection)
        self._ws, self._connection = ws, connection
        try:
            if not self._may_connect.is_set():
                self._drop()
            async for message in ws:
                assert message.type is aiohttp.WSMsgType.TEXT, message
                self._take(orjson.loads(message.data))
        finally:
            lived = self.live
            connection.closed = ws.close_code
            self._down()
        if ws.close_code is not None and ws.close_code >= FINAL_FROM:
            self._end(f"closed {ws.close_code}")
        elif ws.close_code in set(CloseCode):
            assert CloseCode(ws.close_code).reconnect
        return lived

    def _drop(self) -> None:
        self.live = False
        ws, self._ws = self._ws, None
        if ws is not None and ws._response.connection is not None:
            transport = ws._response.connection.transport
            if transport is not None:
                transport.abort()

    def _down(self) -> None:
        self.live = False
        self._outbox.epoch = None
        self._ws = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Lost())
                answer.exception()  # perhaps nobody waits any more
        self._answers.clear()
        self._wake()

    def _end(self, why: str) -> None:
        if self.over is not None:
            return
        self.ledger.over = why
        self.live = False
        self._outbox.close(why)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._pumped.set()

    # --- What comes ---------------------------------------------------------------------

    def _take(self, frame: dict[str, Any]) -> None:
        assert self._connection is not None
        self._connection.frames.append(frame)
        ev = frame.get("ev")
        if "re" in frame:
            self._answered(frame)
        elif ev == "reconnect":
            self._after_s = frame["after_ms"] / 1000
        elif frame.get("room") != self.room:
            pass
        elif ev == "saved":
            self._outbox.saved(position_of(frame))
        elif ev == "reset":
            self._reset(frame)
        elif ev == "room_deleted" and "seq" not in frame:
            self._end("room_gone")
        elif ev == "left" and "seq" not in frame:
            if frame["user"]["id"] == self.person.id:
                self._end("not_a_member")
        elif "at" in frame:
            self._positioned(frame)
        self._wake()

    def _answered(self, frame: dict[str, Any]) -> None:
        if frame["re"] == "subscribe":
            if "err" in frame:
                self._end(frame["err"]["code"])
            else:
                self._subscribed(frame["ok"])
            return
        answer = self._answers.get(frame["re"])
        if answer is not None and not answer.done():
            answer.set_result(frame)

    def _subscribed(self, ok: dict[str, Any]) -> None:
        self.mode = ok["mode"]
        if self.mode == "live":
            self.ledger.start = self.ledger.last = position_of(ok)
        self.live = True
        self.live_at = time.monotonic()
        self._outbox.saved(position_of(ok["saved"]))
        last = self.ledger.last
        self._ready(max(ok["epoch"], last.epoch if last else 0))

    def _reset(self, frame: dict[str, Any]) -> None:
        events = frame["events"]
        self.ledger.screen = list(events)
        self.ledger.last = position_of(frame)
        self.ledger.start = None
        for event in events:
            self._notice(event)
        self._ready(frame["epoch"])

    def _positioned(self, event: dict[str, Any]) -> None:
        position, last = position_of(event), self.ledger.last
        if last is not None and position <= last:
            return
        if last is not None and not last.is_followed_by(position):
            self._repair()
            return
        self.ledger.last = position
        self.ledger.screen.append(event)
        self._notice(event)
        if self._outbox.epoch is not None and event["epoch"] > self._outbox.epoch:
            self._ready(event["epoch"])
        if event["ev"] == "room_deleted":
            self._end("room_gone")
        elif event["ev"] == "left" and event["user"]["id"] == self.person.id:
            self._end("not_a_member")

    def _repair(self) -> None:
        if not self._repairing:
            self._repairing = True
            self._tasks.append(asyncio.create_task(self._subscribe_again()))

    async def _subscribe_again(self) -> None:
        try:
            assert self.ledger.last is not None
            self._subscribed(
                await self.ask("subscribe", room=self.room, **self.ledger.last._asdict())
            )
        except Refused as refusal:
            if refusal.code in PASSING:
                self._drop()
            else:
                self._end(refusal.code)
        except Lost:
            self._drop()
        finally:
            self._repairing = False

    # --- The outbox ---------------------------------------------------------------------

    def _ready(self, epoch: int) -> None:
        self._outbox.ready(epoch)
        self._wake()

    def _change(self, op: str, message: Identity, text: str, fields: dict[str, Any]) -> str:
        sent = self._outbox.change(op, message, text, fields)
        self._wake()
        return sent.cid

    def _notice(self, event: dict[str, Any]) -> None:
        if event["ev"] == "message":
            self._places[event["user"]["id"], event["cid"]] = position_of(event)
        if event.get("cid") in self.ledger.sent and event["user"]["id"] == self.person.id:
            self._outbox.acknowledge(self.ledger.sent[event["cid"]], position_of(event))

    async def _pump(self) -> None:
        """Send what is due, one after another, so that no message overtakes another."""
        while True:
            due = self._outbox.due
            if due is None or not self.live or self.over:
                self._pumped.clear()
                await self._pumped.wait()
                continue
            await self._send(due)

    async def _send(self, sent: Sent) -> None:
        sent.tries += 1
        try:
            ok = await self.ask(sent.op, room=self.room, cid=sent.cid, **self._fields_of(sent))
        except Lost:
            await asyncio.sleep(0.01)  # the end of the socket is noticed meanwhile
            return
        except Refused as refusal:
            if refusal.code in PASSING or self._may_be_on_its_way(sent, refusal):
                self.ledger.passing.append(refusal.code)
                await asyncio.sleep(max(0.05, refusal.retry_s))
            else:
                self._outbox.refuse(sent, refusal.code)
        else:
            self._outbox.acknowledge(sent, position_of(ok))
        self._wake()

    def _fields_of(self, sent: Sent) -> dict[str, Any]:
        if sent.target is None:
            return {"text": sent.text}
        # Sent again, a message may have moved: it is where it was seen last.
        return {**self._places[sent.target]._asdict(), **sent.fields}

    @staticmethod
    def _may_be_on_its_way(sent: Sent, refusal: Refused) -> bool:
        """Tell whether the message of a change may come yet: Redis lost it, its author has it."""
        return refusal.code == "message_not_found" and sent.tries < NOT_FOUND_TRIES
