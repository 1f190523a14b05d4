"""A Redis Cluster of real servers that can be hurt in every way that a Cluster knows.

    cluster = Cluster(folder)
    cluster.start()
    await cluster.failover(partition)             # planned: the replica takes over
    dead = await cluster.kill_master_of(partition)
    await cluster.move_slot(partition, to=cluster.other_master(partition))
    await cluster.partition_off(partition)        # with network=Network()
    await cluster.heal()                          # whole again, whatever was done

Whatever waits, waits in another thread; servers are started from this one, or they would end
with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

import redis
from redis.crc import key_slot

from server.state import keys
from tests.clusters.network import Network
from tests.clusters.node import AGREE_S, LOOPBACK, Node, server_port, wait_in_thread

SLOTS = 16384
NODE_TIMEOUT_MS = 2000
_KEYS_AT_ONCE = 50


class Cluster:
    """``masters`` masters with ``replicas`` replicas each.

    With a ``network``, the first master and the replica of the second lie away, beyond the place
    where ``partition_off`` cuts.
    """

    def __init__(
        self,
        folder: Path,
        *,
        masters: int = 3,
        replicas: int = 1,
        binary: Path | None = None,
        password: str = "",
        network: Network | None = None,
        node_timeout_ms: int = NODE_TIMEOUT_MS,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.node_timeout_s = node_timeout_ms / 1000
        self.network = network
        self._masters = masters
        self._binary = binary
        self._password = password
        self._options = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(node_timeout_ms),
            "cluster-allow-replica-migration": "no",
            **(options or {}),
        }
        self.nodes = [
            self._make(n, away=n in {0, masters + 1} and network is not None)
            for n in range(masters * (1 + replicas))
        ]

    def start(self) -> None:
        """Start every server and make them one Cluster; returns when all agree."""
        for node in self.nodes:
            node.start()
        first = self.nodes[0]
        for n, node in enumerate(self.nodes[: self._masters]):
            low, high = n * SLOTS // self._masters, (n + 1) * SLOTS // self._masters - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", low, high)
            # Different from the beginning: two masters never quarrel about an epoch.
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for node in self.nodes[1:]:
            self._meet(first, node)
        wait_in_thread(
            lambda: all(len(self._view(n)) == len(self.nodes) for n in self.nodes), "all met"
        )
        for n, node in enumerate(self.nodes[self._masters :]):
            node.ask("CLUSTER", "REPLICATE", self.id_of(self.nodes[n % self._masters]))
        wait_in_thread(self.whole, "the cluster is whole")

    def stop(self) -> None:
        """Stop every server."""
        if self.network is not None:
            self.network.heal()
        for node in self.nodes:
            node.kill()

    @property
    def url(self) -> str:
        """``REDIS_URL`` for this Cluster: all of its nodes, since any may be down."""
        secret = f":{self._password}@" if self._password else ""
        return f"redis://{secret}{','.join(node.name for node in self.nodes)}/0"

    # --- Who is who ----------------------------------------------------------------------

    def master_of(self, partition: int) -> Node:
        """Return the master that owns a partition now."""
        return self.owner(slot_of(partition))

    def replica_of(self, partition: int) -> Node:
        """Return a living replica of the master that owns a partition."""
        master = self.master_of(partition)
        for node in self.nodes:
            if node.running and node.follows(master):
                return node
        raise AssertionError(f"{master.name} has no replica")

    def other_master(self, partition: int) -> Node:
        """Return a master that does not own a partition."""
        return next(node for node in self.masters() if node is not self.master_of(partition))

    def masters(self) -> list[Node]:
        """Return the masters that own slots, in the order of the slots."""
        owned = [(low, node) for low, _, node in self._owned()]
        return list(dict.fromkeys(node for _, node in sorted(owned, key=lambda each: each[0])))

    def owner(self, slot: int) -> Node:
        """Return the master that owns a slot, as the newest configuration says."""
        return next(node for low, high, node in self._owned() if low <= slot <= high)

    def id_of(self, node: Node) -> str:
        """Return the id of a node in the Cluster."""
        return str(node.ask("CLUSTER", "MYID"))

    def whole(self) -> bool:
        """Tell whether every node runs, agrees, and every master has its replicas."""
        try:
            views = [self._view(node) for node in self.nodes]
            states = [str(node.ask("CLUSTER", "INFO")) for node in self.nodes]
            masters = self.masters()
            fine = all(
                node.role() == "master" or any(node.follows(each) for each in masters)
                for node in self.nodes
            )
        except (redis.RedisError, OSError):
            return False
        layouts = {frozenset((each.name, each.master, each.slots) for each in v) for v in views}
        return (
            fine
            and len(layouts) == 1
            and all("cluster_state:ok" in state for state in states)
            and not any(each.failing for view in views for each in view)
        )

    # --- What happens to it --------------------------------------------------------------

    async def failover(self, partition: int) -> Node:
        """Let the replica of a partition's master take over, as planned; returns the new master."""
        return await asyncio.to_thread(self._failover, partition)

    async def kill_master_of(self, partition: int) -> Node:
        """End the master of a partition at once; returns it."""
        master = await asyncio.to_thread(self.master_of, partition)
        master.kill()
        return master

    async def is_taken_over(self, partition: int, dead: Node, timeout: float = AGREE_S) -> float:
        """Wait until another master owns a partition; returns the seconds that it took."""
        began = time.monotonic()
        await asyncio.to_thread(
            wait_in_thread,
            lambda: self.master_of(partition) is not dead,
            "a replica took over",
            timeout,
        )
        return time.monotonic() - began

    async def move_slot(self, partition: int, to: Node, *, atomic: bool = False) -> float:
        """Move the slot of a partition; returns the seconds that it took.

        ``atomic`` asks Valkey 9 to do it, otherwise it is done key by key as ``redis-cli`` does.
        """
        return await asyncio.to_thread(self._move_slot, slot_of(partition), to, atomic=atomic)

    def partition_off(self, partition: int) -> Node:
        """Cut off the part of the network with the master of a partition; returns that master."""
        assert self.network is not None, "the Cluster was made without a network"
        master = self.master_of(partition)
        assert master.away, f"{master.name} is not in the part that can be cut off"
        self.network.partition()
        return master

    def add_master(self) -> Node:
        """Add an empty master that owns no slot."""
        node = self._make(len(self.nodes), away=False)
        node.start()
        self._meet(self.nodes[0], node)
        self.nodes.append(node)
        wait_in_thread(self.whole, "all know it")
        return node

    async def heal(self, timeout: float = AGREE_S) -> None:
        """Mend the network, start what is dead, and wait until the Cluster is whole."""
        if self.network is not None:
            self.network.heal()
        for node in self.nodes:
            node.start()
        await asyncio.to_thread(wait_in_thread, self.whole, "the cluster is whole", timeout)

    async def clear(self) -> None:
        """Be whole, without keys, functions or moved slots."""
        await self.heal()
        for master in await asyncio.to_thread(self.masters):
            master.ask("FLUSHALL", "SYNC")
            master.ask("FUNCTION", "FLUSH", "SYNC")

    # --- How -----------------------------------------------------------------------------

    def _make(self, number: int, *, away: bool) -> Node:
        network = self.network
        host, options = LOOPBACK, {**self._options, "cluster-port": str(server_port())}
        if network is not None:
            host = network.away if away else network.here
            # Outgoing links speak from the servers' own address, so that only they are cut.
            options |= {"bind-source-addr": host, "cluster-announce-ip": host}
        return Node(
            self.folder / f"node-{number}",
            port=server_port(),
            host=host,
            password=self._password,
            binary=self._binary,
            namespace=network.namespace if network is not None and away else "",
            options=options,
        )

    def _meet(self, first: Node, node: Node) -> None:
        bus = node.ask("CONFIG", "GET", "cluster-port")[1]
        first.ask("CLUSTER", "MEET", node.host, node.port, bus)

    def _view(self, node: Node) -> list[_Seen]:
        lines = str(node.ask("CLUSTER", "NODES")).splitlines()
        return [_Seen(line) for line in lines]

    def _owned(self) -> list[tuple[int, int, Node]]:
        """Ask everybody; of two who own a slot the one with the higher epoch does."""
        epochs: dict[tuple[int, int], tuple[int, str]] = {}
        for node in self.nodes:
            if not node.running:
                continue
            try:
                view = self._view(node)
            except (redis.RedisError, OSError):
                continue
            for seen in view:
                for slots in seen.slots:
                    epochs[slots] = max(epochs.get(slots, (0, "")), (seen.epoch, seen.name))
        by_name = {node.name: node for node in self.nodes}
        owners: dict[int, tuple[int, str]] = {}
        for (low, high), owner in epochs.items():
            for slot in range(low, high + 1):
                owners[slot] = max(owners.get(slot, (0, "")), owner)
        return _ranges(owners, by_name)

    def _failover(self, partition: int) -> Node:
        replica = self.replica_of(partition)
        end = time.monotonic() + AGREE_S
        while self.master_of(partition) is not replica:
            assert time.monotonic() < end, f"{replica.name} did not take over"
            # Refused while its own link is still being made: asked again then.
            with contextlib.suppress(redis.ResponseError):
                replica.ask("CLUSTER", "FAILOVER")
            with contextlib.suppress(AssertionError):
                wait_in_thread(lambda: self.master_of(partition) is replica, "it took over", 3.0)
        return replica

    def _move_slot(self, slot: int, to: Node, *, atomic: bool) -> float:
        source = self.owner(slot)
        began = time.monotonic()
        if atomic:
            source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", self.id_of(to))
        else:
            self._move_keys(slot, source, to)
        wait_in_thread(lambda: self.owner(slot) is to, "the slot has moved")
        return time.monotonic() - began

    def _move_keys(self, slot: int, source: Node, to: Node) -> None:
        target_id, source_id = self.id_of(to), self.id_of(source)
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        secret = ["AUTH", self._password] if self._password else []
        while found := source.ask("CLUSTER", "GETKEYSINSLOT", slot, _KEYS_AT_ONCE):
            source.ask("MIGRATE", to.host, to.port, "", 0, 5000, *secret, "KEYS", *found)
        for node in [to, source, *self.masters()]:
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)


class _Seen:
    """One line of CLUSTER NODES (https://redis.io/docs/latest/commands/cluster-nodes/)."""

    def __init__(self, line: str) -> None:
        words = line.split(" ")
        flags = words[2].split(",")
        self.name = words[1].partition("@")[0]
        self.failing = bool({"fail", "fail?", "handshake", "noaddr"} & set(flags))
        self.master = words[3]
        self.epoch = int(words[6])
        self.slots = tuple(
            (int(low), int(high or low))
            for low, _, high in (w.partition("-") for w in words[8:] if w and w[0] != "[")
        )


def slot_of(partition: int) -> int:
    """Return the slot of a partition's keys."""
    return int(key_slot(keys.partition_keys(partition).head.encode()))


def _ranges(
    owners: Mapping[int, tuple[int, str]], by_name: Mapping[str, Node]
) -> list[tuple[int, int, Node]]:
    ranges: list[tuple[int, int, Node]] = []
    for slot in sorted(owners):
        node = by_name[owners[slot][1]]
        if ranges and ranges[-1][1] == slot - 1 and ranges[-1][2] is node:
            ranges[-1] = (ranges[-1][0], slot, node)
        else:
            ranges.append((slot, slot, node))
    return ranges
