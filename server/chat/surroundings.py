"""What the connections of a replica share."""

from __future__ import annotations

from server.archive.archive import Archive
from server.auth.file_tokens import FileTokens
from server.auth.identity import Identities
from server.chat.lobby import Lobby
from server.chat.publisher import Publisher
from server.chat.roster import Roster
from server.domain.limits import Limits
from server.runtime.settings import Settings


class Surroundings:
    """The parts of a replica that every connection uses."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        identities: Identities,
        lobby: Lobby,
        publisher: Publisher,
        roster: Roster,
    ) -> None:
        self.settings = settings
        self.limits = Limits.read_from(settings)
        self.archive = archive
        self.identities = identities
        self.file_tokens = FileTokens(settings)
        self.lobby = lobby
        self.publisher = publisher
        self.roster = roster
