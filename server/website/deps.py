"""All that a page or a resource may need, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from server.archive.archive import Archive
from server.auth.identity import Identities
from server.auth.passwords import Passwords
from server.auth.tokens import Tokens
from server.runtime.settings import Settings
from server.state.client import RedisClient
from server.state.sessions import SessionCache
from server.state.throttle import Throttle
from server.storage.administration import Administration
from server.storage.api_tokens import ApiTokens
from server.storage.audit import Audit
from server.storage.departures import Departures
from server.storage.favourites import Favourites
from server.storage.files import Files
from server.storage.incoming_hooks import IncomingHooks
from server.storage.invites import Invites
from server.storage.notices import Notices
from server.storage.outgoing_hooks import OutgoingHooks
from server.storage.pool import Pool
from server.storage.rooms import Rooms
from server.storage.search import Search
from server.storage.sessions import Sessions
from server.storage.users import Users
from server.website.directory import Directory
from server.website.uploads import Uploads


@dataclass(frozen=True, slots=True)
class WebsiteDeps:
    """What the website is made of; ``WebsiteDeps.build`` derives the rest of the first five."""

    settings: Settings
    client: RedisClient
    pool: Pool
    archive: Archive
    identities: Identities
    passwords: Passwords
    tokens: Tokens
    users: Users
    rooms: Rooms
    search: Search
    invites: Invites
    sessions: Sessions
    api_tokens: ApiTokens
    incoming_hooks: IncomingHooks
    outgoing_hooks: OutgoingHooks
    cache: SessionCache
    throttle: Throttle
    directory: Directory
    administration: Administration
    audit: Audit
    departures: Departures
    notices: Notices
    favourites: Favourites
    uploads: Uploads
    push_key: str

    @classmethod
    def build(
        cls,
        settings: Settings,
        client: RedisClient,
        pool: Pool,
        archive: Archive,
        identities: Identities | None = None,
    ) -> WebsiteDeps:
        """Wire the website over open connections.

        Raises:
            ValueError: the secret key is missing or short.
        """
        rooms, sessions, cache = Rooms(pool), Sessions(pool), SessionCache(client)
        tokens = Tokens(settings)
        if identities is None:
            identities = Identities(settings, tokens, cache, sessions.by_hash, sessions.touch)
        return cls(
            settings=settings,
            client=client,
            pool=pool,
            archive=archive,
            identities=identities,
            passwords=Passwords(settings),
            tokens=tokens,
            users=Users(pool),
            rooms=rooms,
            search=Search(pool),
            invites=Invites(pool),
            sessions=sessions,
            api_tokens=ApiTokens(pool),
            incoming_hooks=IncomingHooks(pool),
            outgoing_hooks=OutgoingHooks(pool),
            cache=cache,
            throttle=Throttle(client, settings.login_window_s),
            directory=Directory(rooms),
            administration=Administration(pool),
            audit=Audit(pool),
            departures=Departures(pool),
            notices=Notices(pool),
            favourites=Favourites(pool),
            uploads=Uploads(settings, Files(pool)),
            push_key=_push_key(settings),
        )


def _push_key(settings: Settings) -> str:
    """Return what a browser subscribes with, or nothing where no messages are pushed.

    Raises:
        ValueError: the key is none.
    """
    key = settings.vapid_private_key.get_secret_value()
    if not key:
        return ""
    from server.auth.vapid import Vapid

    return Vapid(key, "").public_key


DEPS: Final = web.AppKey("website", WebsiteDeps)
