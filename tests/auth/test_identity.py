from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import pytest
from multidict import CIMultiDict

from server.auth.identity import Identities, Identity, cookie_name, hash_secret, new_secret
from server.auth.tokens import Tokens
from server.domain.errors import Refusal
from server.domain.rooms import User
from server.runtime.settings import Settings

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class StoredAccount:
    id: str = "alice-id"
    email: str = "alice@example.org"
    name: str = "Alice"
    language: str = "ru"
    is_admin: bool = False
    disabled: bool = False


@dataclass(frozen=True)
class StoredSession:
    id: str
    expires_at: int
    last_seen_at: int
    account: StoredAccount | None = field(default_factory=StoredAccount)
    scopes: str | None = None


class Shelf:
    """Stands for both stores: Redis's part follows the rule that an end stays."""

    def __init__(self) -> None:
        self.rows: dict[str, StoredSession] = {}
        self.cached: dict[str, bytes] = {}
        self.ttls: dict[str, int] = {}
        self.loads = 0
        self.touched: list[str] = []
        self.redis_is_down = False
        self.postgres_is_down = False

    async def get(self, token_hash: str) -> bytes | None:
        self._redis()
        return self.cached.get(token_hash)

    async def put(self, token_hash: str, record: bytes, ttl_s: int) -> None:
        self._redis()
        if self.cached.get(token_hash) != b"":
            self.cached[token_hash] = record
            self.ttls[token_hash] = ttl_s

    async def load(self, token_hash: str) -> StoredSession | None:
        self.loads += 1
        if self.postgres_is_down:
            raise Refusal("unavailable")
        return self.rows.get(token_hash)

    async def touch(self, session_id: str) -> None:
        self.touched.append(session_id)

    def _redis(self) -> None:
        if self.redis_is_down:
            raise Refusal("unavailable")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [time.time()]
    monkeypatch.setattr("server.auth.identity.time.time", lambda: now[0])
    return now


class World:
    def __init__(self, now_ms: int, **overrides: object) -> None:
        fields: dict[str, object] = {"jwt_secret_key": "k" * 40, **overrides}
        self.settings = Settings(**fields)  # type: ignore[arg-type]
        self.tokens = Tokens(self.settings)
        self.shelf = Shelf()
        self.identities = Identities(
            self.settings, self.tokens, self.shelf, self.shelf.load, self.shelf.touch
        )
        self.secret = new_secret()
        self.hash = hash_secret(self.secret)
        self.shelf.rows[self.hash] = StoredSession("s1", now_ms + 30 * DAY_MS, now_ms)

    async def by_cookie(self, secret: str | None = None) -> Identity | None:
        name = cookie_name(self.settings)
        return await self.identities.identify({}, {name: secret or self.secret})

    async def by_token(self, token: str) -> Identity | None:
        headers = CIMultiDict({"authorization": f"bearer {token}"})
        return await self.identities.identify(headers, {})


@pytest.fixture
def world(clock: list[float]) -> World:
    return World(int(clock[0] * 1000))


async def test_a_cookie_tells_who_it_is_and_postgresql_is_asked_once(world: World) -> None:
    for _ in range(3):
        identity = await world.by_cookie()
        assert identity is not None
        assert identity.user == User("alice-id", "Alice")
        assert (identity.via, identity.session_id, identity.session_hash) == (
            "cookie",
            "s1",
            world.hash,
        )
        assert (identity.is_admin, identity.language) == (False, "ru")
    assert world.shelf.loads == 1
    assert world.secret not in str(world.shelf.cached)


@pytest.mark.parametrize("secret", ["x", "x" * 43, "ж" * 43, "x" * 1_000_000])
async def test_an_unknown_cookie_is_nobody(world: World, secret: str) -> None:
    assert await world.by_cookie(secret) is None
    assert world.shelf.cached == {}


async def test_no_cookie_and_no_token_is_nobody_without_a_question(world: World) -> None:
    assert await world.identities.identify({}, {}) is None
    assert await world.identities.identify({"Authorization": "Basic eDp5"}, {}) is None
    assert world.shelf.loads == 0


async def test_a_token_stands_for_its_session_until_its_own_end(world: World) -> None:
    identity = await world.by_token(world.tokens.issue("alice-id", world.hash))
    assert identity is not None
    assert identity.via == "bearer"
    assert identity.expires_at <= (time.time() + 30 * 60 + 1) * 1000


async def test_a_bad_token_is_refused_even_beside_a_good_cookie(world: World) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    with pytest.raises(Refusal) as refused:
        await world.identities.identify(headers, {"session": world.secret})
    assert refused.value.code == "unauthorized"


async def test_a_token_for_another_person_than_its_session_is_refused(world: World) -> None:
    with pytest.raises(Refusal):
        await world.by_token(world.tokens.issue("mallory-id", world.hash))


async def test_an_ended_session_takes_its_tokens_along(world: World) -> None:
    token = world.tokens.issue("alice-id", world.hash)
    assert await world.by_token(token) is not None
    world.shelf.cached[world.hash] = b""
    assert await world.by_cookie() is None
    with pytest.raises(Refusal) as refused:
        await world.by_token(token)
    assert refused.value.code == "unauthorized"


async def test_a_disabled_account_is_nobody(world: World) -> None:
    row = world.shelf.rows[world.hash]
    world.shelf.rows[world.hash] = replace(row, account=StoredAccount(disabled=True))
    assert await world.by_cookie() is None


async def test_an_idle_session_ends_and_a_used_one_goes_on(
    world: World, clock: list[float]
) -> None:
    clock[0] += 7 * 86_400 - 60
    assert await world.by_cookie() is not None
    assert world.shelf.touched == ["s1"]
    row = world.shelf.rows[world.hash]
    world.shelf.rows[world.hash] = replace(row, last_seen_at=int(clock[0] * 1000))
    clock[0] += 7 * 86_400 - 60
    assert await world.by_cookie() is not None
    world.shelf.cached.clear()
    clock[0] += 7 * 86_400 + 1
    assert await world.by_cookie() is None


async def test_a_session_ends_absolutely_however_much_it_is_used(
    world: World, clock: list[float]
) -> None:
    clock[0] += 30 * 86_400 + 1
    row = world.shelf.rows[world.hash]
    world.shelf.rows[world.hash] = replace(row, last_seen_at=int(clock[0] * 1000))
    assert await world.by_cookie() is None


async def test_use_is_written_down_only_every_few_minutes(world: World, clock: list[float]) -> None:
    for _ in range(20):
        assert await world.by_cookie() is not None
        clock[0] += 30
    assert len(world.shelf.touched) == 1


async def test_without_redis_postgresql_answers(world: World) -> None:
    world.shelf.redis_is_down = True
    assert await world.by_cookie() is not None
    del world.shelf.rows[world.hash]
    assert await world.by_cookie() is None


async def test_without_postgresql_a_cached_session_goes_on_until_its_end(
    world: World, clock: list[float]
) -> None:
    assert await world.by_cookie() is not None
    world.shelf.postgres_is_down = True
    clock[0] += 3600
    assert await world.by_cookie() is not None
    clock[0] += 7 * 86_400
    with pytest.raises(Refusal) as refused:
        await world.by_cookie()
    assert refused.value.code == "unavailable"


async def test_without_both_nobody_is_recognised_and_nobody_is_turned_away(world: World) -> None:
    world.shelf.redis_is_down = world.shelf.postgres_is_down = True
    with pytest.raises(Refusal) as refused:
        await world.by_cookie()
    assert refused.value.code == "unavailable"


async def test_a_changed_account_is_noticed_when_the_record_is_old(
    world: World, clock: list[float]
) -> None:
    assert await world.by_cookie() is not None
    row = world.shelf.rows[world.hash]
    world.shelf.rows[world.hash] = replace(row, account=StoredAccount(name="Alice B."))
    clock[0] += 301
    identity = await world.by_cookie()
    assert identity is not None
    assert identity.user.name == "Alice B."


async def test_the_settings_name_administrators(clock: list[float]) -> None:
    world = World(int(clock[0] * 1000), admin_emails="root@example.org, Alice@Example.org,")
    identity = await world.by_cookie()
    assert identity is not None
    assert identity.is_admin
    assert not world.identities.is_admin("")


async def test_over_https_only_the_host_cookie_counts(clock: list[float]) -> None:
    world = World(int(clock[0] * 1000), public_url="https://chat.example.org")
    assert await world.by_cookie() is not None
    assert await world.identities.identify({}, {"session": world.secret}) is None
