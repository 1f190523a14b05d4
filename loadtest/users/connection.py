"""A person's socket into one room, for gevent: one greenlet reads, the person's own one asks.

Every op is timed from its frame to its answer, a message also to its own arrival and to its
arrival at others, by the mark in its text. CLOCK_MONOTONIC is one clock per machine, so a mark
tells which machine made it, and others' marks are only counted.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import gevent
import orjson
import websocket
from gevent.event import AsyncResult, Event

from loadtest.clock import now_ns
from loadtest.marks import MOST_STREAMS, Mark, marks_in, text_of
from loadtest.users.place import Counts, News, Place, Position
from loadtest.users.records import FAN_OUT

OPEN_S: Final = 15.0
ANSWER_S: Final = 15.0
LAST_WORDS_S: Final = 5.0
"""So long own messages may still arrive when a person leaves."""

MESSAGE_BYTES: Final = 128
_FINAL: Final = 4500
_NORMAL: Final = 1000


def _machine() -> int:
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        return zlib.crc32(boot) % MOST_STREAMS
    return secrets.randbelow(MOST_STREAMS)


MACHINE: Final = _machine()
_numbers = itertools.count()


class Took(Protocol):
    """Hears of everything that was timed; ``why`` is empty when it worked."""

    def __call__(self, name: str, ms: float, why: str = "") -> None: ...


class LostError(Exception):
    """The socket ended; the message is its close code or what broke."""


class RefusedError(Exception):
    """An op was refused; the message is the code."""


class Connection:
    """A socket at ``/ws/{room}``; ``place`` goes from one connection to the next.

    ``url`` begins with ws. ``on_event`` hears every event of the room.
    """

    def __init__(
        self,
        url: str,
        token: str,
        room: str,
        took: Took,
        counts: Counts,
        place: Place | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.room = room
        self.place = place or Place(counts)
        self.close_code = 0
        self.moving = False
        self.newest: dict[str, Any] | None = None
        self._took = took
        self._on_event = on_event
        self._asked: dict[str, AsyncResult[dict[str, Any]]] = {}
        self._said: dict[str, tuple[int, Event]] = {}
        self._promised: Position | None = None
        self._ids = itertools.count(1)
        self._reached = Event()
        self._ended = Event()
        self._goal = Position(0, 0)
        self._socket = self._open(url, token)
        self._reader = gevent.spawn(self._read)

    @property
    def lost(self) -> str:
        """Why the socket ended; empty while it lives."""
        if not self._ended.is_set():
            return ""
        return f"closed with {self.close_code}" if self.close_code else "broken off"

    @property
    def final(self) -> bool:
        """Whether the server said not to come back."""
        return self.close_code >= _FINAL

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Send an op about the room and return what its answer says.

        Raises:
            RefusedError: it was refused.
            LostError: the socket ended first, or no answer came in time.
        """
        began = now_ns()
        try:
            answer = self._answered(op, fields)
        except (LostError, RefusedError) as problem:
            self._took(op, _since(began), str(problem))
            raise
        self._took(op, _since(began))
        return answer

    def say(self, cid: str = "") -> Position:
        """Say something and return where it stands.

        Raises:
            RefusedError: it was refused; said again with the same ``cid`` it is the same message.
            LostError: the socket ended first, or no answer came in time.
        """
        cid = cid or secrets.token_hex(8)
        began = now_ns()
        text = text_of(Mark(began, MACHINE, next(_numbers) % 10**9), MESSAGE_BYTES).decode()
        self._said[cid] = (began, Event())
        try:
            answer = self._answered("send", {"cid": cid, "text": text})
        except (LostError, RefusedError) as problem:
            self._said.pop(cid, None)
            self._took("send to ack", _since(began), str(problem))
            raise
        self._took("send to ack", _since(began))
        position = Position(answer["epoch"], answer["seq"])
        self._promised = max(self._promised or position, position)
        return position

    def catch_up(self) -> None:
        """Wait until everything that was missed at the subscribe has come.

        Raises:
            LostError: the socket ended first, or it took too long.
        """
        if not self.place.has(self._goal):
            self._wait(self._reached)

    def leave(self, code: int = _NORMAL) -> None:
        """Wait for the own messages, count those that did not come, and close."""
        deadline = time.monotonic() + LAST_WORDS_S
        for _, arrived in list(self._said.values()):
            if not self.lost:
                arrived.wait(max(0.0, deadline - time.monotonic()))
        if not self.lost:
            for began, _ in self._said.values():
                self._took("send to own delivery", _since(began), "it never came")
            if self._promised is not None:
                self.place.should_reach(self._promised)
        self._end(lambda: self._socket.close(status=code, timeout=1))

    def break_off(self) -> None:
        """Go as phones do in a tunnel: the connection is gone, and nobody said good-bye."""
        self._end(self._socket.shutdown)

    def _open(self, url: str, token: str) -> websocket.WebSocket:
        """Connect and enter the room.

        Raises:
            LostError: that failed.
        """
        began = now_ns()
        place = self.place.last
        query = f"?epoch={place.epoch}&seq={place.seq}" if place else ""
        try:
            socket = websocket.create_connection(
                f"{url}/ws/{self.room}{query}",
                timeout=OPEN_S,
                header=[f"Authorization: Bearer {token}"],
                suppress_origin=True,
                enable_multithread=True,
                skip_utf8_validation=True,
            )
            hello = orjson.loads(socket.recv())
            entered = orjson.loads(socket.recv())
        except (websocket.WebSocketException, OSError, ValueError) as problem:
            why = _reason(problem)
            self._took("connect", _since(began), why)
            raise LostError(why) from None
        if "ok" not in entered:
            code = str(entered.get("err", {}).get("code", "no answer"))
            self._took("connect", _since(began), code)
            raise LostError(code)
        self._took("connect", _since(began))
        ok = entered["ok"]
        self._goal = Position(ok["epoch"], ok["seq"])
        if place is None:
            self.place.begin(self._goal)
        elif ok["mode"] == "live":  # we asked for what we missed, so it is lost
            self.place.should_reach(self._goal)
        # The server pings a quiet socket; one that hears nothing for so long is dead.
        socket.settimeout(2.5 * float(hello["ping_s"]))
        return socket

    def _answered(self, op: str, fields: dict[str, Any]) -> dict[str, Any]:
        number = str(next(self._ids))
        asked: AsyncResult[dict[str, Any]] = AsyncResult()
        self._asked[number] = asked
        frame = {"op": op, "id": number, **fields}
        if op != "ping":
            frame["room"] = self.room
        try:
            if self.lost:
                raise LostError(self.lost)
            self._socket.send(orjson.dumps(frame).decode())
            answer = asked.get(timeout=ANSWER_S)
        except gevent.Timeout:
            raise LostError("no answer in time") from None
        except (websocket.WebSocketException, OSError) as problem:
            raise LostError(_reason(problem)) from None
        finally:
            self._asked.pop(number, None)
        if "err" in answer:
            raise RefusedError(str(answer["err"]["code"]))
        found: dict[str, Any] = answer["ok"]
        return found

    def _read(self) -> None:
        """Hear until the socket ends, or this greenlet is killed by who closes it."""
        with contextlib.suppress(websocket.WebSocketException, OSError, ValueError):
            while True:
                opcode, data = self._socket.recv_data()  # answers pings on the way
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    self.close_code = int.from_bytes(data[:2], "big")
                    break
                self._hear(data)
        self._over()
        self._socket.shutdown()

    def _over(self) -> None:
        self._ended.set()
        for asked in list(self._asked.values()):
            asked.set_exception(LostError(self.lost))

    def _hear(self, data: bytes) -> None:
        now = now_ns()
        frame = orjson.loads(data)
        if "ev" not in frame:
            asked = self._asked.get(frame.get("re") or "")
            if asked is not None:
                asked.set(frame)
            return
        if frame["ev"] == "reset":
            self.place.begin(Position(frame["epoch"], frame["seq"]))
        elif frame["ev"] == "reconnect":
            gevent.spawn_later(frame["after_ms"] / 1000, setattr, self, "moving", True)
        elif "seq" in frame and frame["ev"] != "saved":
            self._take(frame, data, now)
        if not self._reached.is_set() and self.place.has(self._goal):
            self._reached.set()
        if self._on_event is not None:
            self._on_event(frame)

    def _take(self, frame: dict[str, Any], data: bytes, now: int) -> None:
        position = Position(frame["epoch"], frame["seq"])
        news = self.place.take(position)
        if frame["ev"] != "message" or news is News.AGAIN:
            return
        self.newest = frame
        own = self._said.pop(frame["cid"], None)
        if own is not None:
            began, arrived = own
            self._took("send to own delivery", (now - began) / 1e6)
            arrived.set()
            return
        if position <= self._goal:
            return  # it was said while this person was away
        for mark in marks_in(data, 0, len(data)):
            if mark.stream == MACHINE:
                self._took(FAN_OUT, (now - mark.due) / 1e6)

    def _wait(self, event: Event) -> None:
        with gevent.Timeout(ANSWER_S, False):
            while not event.wait(0.05):
                if self.lost:
                    raise LostError(self.lost)
        if not event.is_set():
            raise LostError("not caught up in time")

    def _end(self, close: Callable[[], object]) -> None:
        self._reader.kill()  # two greenlets may not read one socket, and closing reads
        with contextlib.suppress(websocket.WebSocketException, OSError):
            close()
        self._socket.shutdown()
        self._over()


def _since(began: int) -> float:
    return (now_ns() - began) / 1e6


def _reason(problem: Exception) -> str:
    status = getattr(problem, "status_code", None)
    return f"HTTP {status}" if status else type(problem).__name__
