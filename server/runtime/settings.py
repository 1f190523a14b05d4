"""Every setting of every process, read once from the environment, with its unit.

The name in the environment is the field's name in capitals. A value that is out of
range stops the process with one sentence; secrets never show in ``repr`` or logs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRET_MIN_BYTES = 32
"""RFC 7518, section 3.2: an HS256 key is at least as long as the hash, 256 bits."""

_KNOWN_SECRETS = {"secret", "changeme", "change-me", "secretkey", "password"}


class Settings(BaseSettings):
    """One frozen value per process; see the README's table for the same list."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    # --- Where things are -------------------------------------------------------------
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL, postgresql://…; made of POSTGRES_* where unset"
    )
    postgres_host: str = Field("127.0.0.1", description="PostgreSQL host, for DATABASE_URL")
    postgres_port: int = Field(
        5432, ge=1, le=65535, description="PostgreSQL port, for DATABASE_URL"
    )
    postgres_user: str = Field("beseda", description="PostgreSQL user, for DATABASE_URL")
    postgres_password: SecretStr = Field(
        SecretStr(""), description="PostgreSQL password, for DATABASE_URL"
    )
    postgres_db: str = Field("beseda", description="PostgreSQL database, for DATABASE_URL")
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis 7+ or Valkey 7.2+: redis://host:6379/0; nodes of a Cluster, redis://host:6379,host:6379; or Sentinels, redis+sentinel://host:26379,host:26379/name/0",
    )
    redis_sentinel_user: str = Field("", description="User at the Sentinels, if they have one")
    redis_sentinel_password: SecretStr = Field(
        SecretStr(""), description="Password of the Sentinels, if they have one"
    )
    public_url: str = Field(
        "",
        description="Address that people type, e.g. https://chat.example.org; https turns on Secure cookies and HSTS",
    )
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    web_root: Path = Field(
        Path(__file__).resolve().parents[2] / "web",
        description="Folder of templates, static files and catalogues",
    )
    trusted_proxies: int = Field(
        0, ge=0, le=8, description="Proxies in front whose X-Forwarded-* headers are believed"
    )

    # --- Secrets and log-in -----------------------------------------------------------
    jwt_secret_key: SecretStr = Field(
        SecretStr(""), description="Signs access tokens and forms; at least 32 bytes"
    )
    access_token_expire_minutes: int = Field(
        30, ge=1, le=1440, description="Life of an access token, minutes"
    )
    session_days: int = Field(30, ge=1, le=365, description="Longest life of a session, days")
    session_idle_days: int = Field(
        7, ge=1, le=365, description="Life of a session that is not used, days"
    )
    bcrypt_cost: int = Field(12, ge=4, le=16, description="bcrypt work factor, log2 of rounds")
    bcrypt_threads: int = Field(2, ge=1, le=32, description="Threads that hash passwords")
    bcrypt_queue: int = Field(
        200, ge=1, description="Log-ins that may wait for a hash; more are refused as busy"
    )
    password_min_chars: int = Field(8, ge=1, le=64, description="Shortest password, characters")
    password_max_chars: int = Field(128, ge=64, le=1024, description="Longest password, characters")
    login_attempts: int = Field(
        10, ge=1, description="Failed log-ins per account before it has to wait"
    )
    login_attempts_ip: int = Field(
        50, ge=1, description="Failed log-ins per address before it has to wait"
    )
    login_window_s: int = Field(
        300, ge=1, description="Seconds in which failed log-ins are counted"
    )
    registrations_ip: int = Field(
        30, ge=1, description="Registrations per address and LOGIN_WINDOW_S"
    )
    admin_emails: str = Field("", description="Comma-separated e-mails that are administrators")

    # --- Rooms and messages -----------------------------------------------------------
    partitions: int = Field(
        64,
        ge=1,
        le=16384,
        description="Partitions of a new installation; kept in Redis and checked afterwards",
    )
    text_chars: int = Field(4000, ge=1, le=16000, description="Longest message, characters")
    room_name_chars: int = Field(80, ge=1, le=200, description="Longest room name, characters")
    user_name_chars: int = Field(40, ge=1, le=200, description="Longest user name, characters")
    rooms_per_user: int = Field(100, ge=1, description="Rooms that one person may own")
    log_events: int = Field(500, ge=10, description="Recent events kept in Redis per room")
    resume_events: int = Field(
        1000, ge=1, le=10000, description="Missed events that a resume replays; more is a reset"
    )
    reset_events: int = Field(50, ge=1, le=500, description="Events in a reset")
    history_page: int = Field(100, ge=1, le=500, description="Largest page of history, events")
    seen_s: int = Field(
        900,
        ge=60,
        description="Seconds for which Redis remembers the last cids of a person",
    )
    tombstone_s: int = Field(
        86_400, ge=60, description="Seconds for which Redis remembers a deleted room"
    )
    send_rate: float = Field(
        10.0, ge=0, description="Messages a second per person and process; 0 is no limit"
    )
    send_burst: int = Field(20, ge=1, description="Messages that may come at once within SEND_RATE")
    typing_interval_ms: int = Field(
        2000, ge=100, description="Typing notices of a person in a room, at most one per so many ms"
    )
    drain_limit: int = Field(
        50_000, ge=1, description="Unsaved records per partition before a send is refused"
    )

    # --- Sockets ----------------------------------------------------------------------
    frame_bytes: int = Field(65_536, ge=1024, description="Largest frame from a client, bytes")
    socket_compression: int = Field(
        0,
        ge=0,
        le=9,
        description="Level of permessage-deflate, 1 (fast) to 9 (small), for sockets that offer it; 0 never agrees",
    )
    outbox_bytes: int = Field(
        1_048_576, ge=16_384, description="Unsent bytes of a socket before it is closed as too slow"
    )
    outboxes_bytes: int = Field(
        268_435_456,
        ge=1_048_576,
        description="Unsent bytes of all sockets together before the fullest are closed as too slow",
    )
    ping_s: float = Field(25.0, gt=0, description="Seconds between pings of a quiet socket")
    sockets_per_user: int = Field(20, ge=1, description="Sockets of one person on one replica")
    sockets_per_ip: int = Field(200, ge=1, description="Sockets of one address on one replica")
    sockets: int = Field(20_000, ge=1, description="Sockets of one replica")
    rooms_per_socket: int = Field(200, ge=1, description="Rooms that one socket may hear")
    errors_per_socket: int = Field(
        20, ge=1, description="Bad frames in a minute before a socket is closed"
    )
    pending_per_socket: int = Field(
        64, ge=1, description="Unanswered sends of a socket before it is told busy"
    )
    publish_queue: int = Field(
        20_000, ge=1, description="Commands that wait for Redis in one replica; more are told busy"
    )
    publish_batch: int = Field(100, ge=1, le=1000, description="Commands of one function call")
    publish_gather_ms: float = Field(
        2.0, ge=0, le=100, description="Shortest time from one pipeline of messages to the next, ms"
    )
    pending_events: int = Field(
        10_000, ge=100, description="Live events held per room while a hole is repaired"
    )
    ring_events: int = Field(
        256, ge=0, description="Recent frames that a replica keeps per room for quick resumes"
    )
    room_linger_s: float = Field(
        30.0,
        ge=0,
        description="Seconds for which a replica keeps an empty room and its subscription",
    )
    presence_interval_ms: int = Field(
        200, ge=10, description="Presence changes are gathered for so many ms"
    )
    lease_s: int = Field(
        15,
        ge=3,
        description="Seconds after which a silent replica's people are gone, and a silent writer's partitions free",
    )
    repair_interval_s: float = Field(
        1.0, gt=0, description="Seconds between looks at the publish counters"
    )

    # --- Deadlines and queues ---------------------------------------------------------
    redis_timeout_s: float = Field(3.0, gt=0, description="Deadline of a Redis call, seconds")
    redis_connections: int = Field(
        8,
        ge=1,
        description="Most connections of one process to a Redis master; "
        "one is enough while it answers at once",
    )
    database_timeout_s: float = Field(5.0, gt=0, description="Deadline of a query, seconds")
    database_connections: int = Field(8, ge=1, description="PostgreSQL connections of one process")
    database_acquire_s: float = Field(
        2.0, gt=0, description="Longest wait for a PostgreSQL connection, seconds"
    )
    body_bytes: int = Field(65_536, ge=1024, description="Largest HTTP request body, bytes")
    startup_s: float = Field(
        30.0, gt=0, description="Longest wait for Redis and PostgreSQL at start, seconds"
    )
    drain_s: float = Field(
        20.0, ge=0, description="Seconds over which a stopping replica sends its sockets away"
    )
    writer_batch: int = Field(1000, ge=1, le=10_000, description="Most records in one transaction")
    writer_wait_ms: int = Field(50, ge=0, description="Longest time to gather a transaction, ms")
    writer_sweep_s: float = Field(
        1.0, gt=0, description="Seconds between looks at every drain stream"
    )

    deletion_sweep_s: float = Field(
        5.0, gt=0, description="Seconds between looks for deleted rooms that Redis still serves"
    )

    # --- Files ------------------------------------------------------------------------
    files_dir: Path = Field(
        Path(__file__).resolve().parents[2] / ".data" / "files",
        description="Folder of files that people upload; all websites share it",
    )
    files_s3_url: str = Field("", description="S3 store that has the files instead of FILES_DIR")
    files_s3_bucket: str = Field("", description="Bucket of the S3 store, a private one")
    files_s3_region: str = Field("us-east-1", description="Region of the S3 store")
    files_s3_key: str = Field("", description="Access key of the S3 store")
    files_s3_secret: SecretStr = Field(SecretStr(""), description="Secret key of the S3 store")
    file_bytes: int = Field(
        26_214_400, ge=1024, description="Largest file that somebody may upload, bytes"
    )
    user_file_bytes: int = Field(
        1_073_741_824, ge=0, description="Space for all files of one person, bytes"
    )
    all_file_bytes: int = Field(
        21_474_836_480, ge=0, description="Space for all files of all people, bytes"
    )
    image_pixels: int = Field(
        50_000_000, ge=1, description="Largest picture, pixels; an animation's frames are added up"
    )
    image_threads: int = Field(1, ge=1, le=32, description="Threads that read pictures")
    image_queue: int = Field(
        20, ge=0, description="Pictures that may wait to be read; more are refused as busy"
    )

    # --- Notices ----------------------------------------------------------------------
    vapid_private_key: SecretStr = Field(
        SecretStr(""),
        description="Signs Web Push: 32 random bytes as base64url; without it nothing is pushed",
    )
    vapid_subject: str = Field(
        "", description="Who runs this server, for push services: mailto:…; PUBLIC_URL where unset"
    )
    push_wait_s: float = Field(
        5.0, ge=0, description="Seconds in which a message may be read before it is pushed"
    )
    push_queue: int = Field(
        5000, ge=1, description="Push messages of a writer that wait; more are dropped"
    )
    push_private: bool = Field(
        False, description="Call push services at any address, also private ones: for tests only"
    )

    # --- Webhooks ---------------------------------------------------------------------
    hooks_private: bool = Field(
        False, description="Let outgoing webhooks lead to private and loopback addresses"
    )
    hooks_timeout_s: float = Field(
        10.0, gt=0, le=60, description="Longest time of one delivery of a webhook, seconds"
    )
    hooks_days: float = Field(
        3.0, gt=0, description="Days of failures after which an outgoing webhook is given up"
    )

    # --- Behaviour --------------------------------------------------------------------
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged"
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="One JSON object a line, or short text"
    )
    event_loop: Literal["uvloop", "asyncio"] = Field("uvloop", description="Event loop")

    @field_validator("public_url")
    @classmethod
    def _plain_origin(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/"):
            raise ValueError("must look like https://chat.example.org")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("vapid_private_key")
    @classmethod
    def _key_of_a_curve(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value()
        if key and re.fullmatch(r"[A-Za-z0-9_-]{43}=?", key) is None:
            raise ValueError("must be 32 random bytes as base64url")
        return value

    @model_validator(mode="after")
    def _ranges_agree(self) -> Settings:
        if self.resume_events < self.reset_events:
            raise ValueError("RESUME_EVENTS must not be below RESET_EVENTS")
        return self

    @property
    def database(self) -> str:
        """The PostgreSQL address, with its password: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        password = quote(self.postgres_password.get_secret_value(), safe="")
        return (
            f"postgresql://{quote(self.postgres_user, safe='')}:{password}"
            f"@{self.postgres_host}:{self.postgres_port}/{quote(self.postgres_db, safe='')}"
        )

    @property
    def secure(self) -> bool:
        """Whether people come over https."""
        return self.public_url.startswith("https://")

    @property
    def push_subject(self) -> str:
        """Who answers for push messages (RFC 8292, section 2.1), or nothing."""
        return self.vapid_subject or (self.public_url if self.secure else "")

    @property
    def secret(self) -> bytes:
        """The signing key.

        Raises:
            ValueError: it is missing, short, or one that everybody knows.
        """
        key = self.jwt_secret_key.get_secret_value().encode()
        if len(key) < SECRET_MIN_BYTES or key.decode().lower() in _KNOWN_SECRETS:
            raise ValueError(
                f"JWT_SECRET_KEY must be a random value of {SECRET_MIN_BYTES} bytes or more"
            )
        return key
