"""Every metric of every process: name, unit and help line, declared once.

Names begin with ``beseda_`` and end with their unit (https://prometheus.io/docs/practices/naming/).
A label has few, known values: never an id, a name or a path that a person chose.
On a hot path take the child once (``FRAMES_IN.labels("send")``) and keep it.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

REGISTER: Final[CollectorRegistry] = REGISTRY
"""Where all of them are registered; ``/metrics`` shows it."""

FAST_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Buckets for one step inside a process or one call to a neighbour."""
SLOW_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""Buckets for what may have to wait for a server to come back."""
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
"""Buckets for the number of things handled together."""

# --- Sockets ------------------------------------------------------------------------
SOCKETS: Final = Gauge("beseda_sockets", "Open WebSockets of this replica.")
SOCKETS_OPENED: Final = Counter("beseda_sockets_opened_total", "WebSockets that were accepted.")
SOCKETS_CLOSED: Final = Counter(
    "beseda_sockets_closed_total", "WebSockets that ended, by close code.", ["code"]
)
UPGRADES_REFUSED: Final = Counter(
    "beseda_upgrades_refused_total",
    "Sockets refused before the upgrade, by HTTP status.",
    ["status"],
)
FRAMES_IN: Final = Counter("beseda_frames_in_total", "Frames from clients, by op.", ["op"])
REFUSALS: Final = Counter("beseda_refusals_total", "Answers with an error, by code.", ["code"])
OUTBOX_OVERFLOWS: Final = Counter(
    "beseda_outbox_overflows_total", "Sockets closed because their outbox was over its limit."
)
UPGRADES_WAITING: Final = Gauge(
    "beseda_upgrades_waiting", "Sockets that wait for their turn to be looked at."
)
OUTBOXES_BYTES: Final = Gauge(
    "beseda_outboxes_bytes", "Unsent bytes of all sockets; what many of them share counts for each."
)
DELIVERIES: Final = Counter("beseda_deliveries_total", "Events written to sockets.")
DELIVERED_BYTES: Final = Counter("beseda_delivered_bytes_total", "Bytes written to sockets.")

# --- Rooms and the feed ---------------------------------------------------------------
ROOMS_HOSTED: Final = Gauge("beseda_rooms_hosted", "Rooms that this replica serves.")
EVENTS_IN: Final = Counter(
    "beseda_events_in_total", "Events received from Redis, by kind.", ["kind"]
)
HOLES_REPAIRED: Final = Counter(
    "beseda_holes_repaired_total",
    "Holes in a room's order that were repaired, by cause.",
    ["cause"],
)
RESETS_SENT: Final = Counter("beseda_resets_sent_total", "Rooms answered with a reset.")
RESUMES: Final = Counter("beseda_resumes_total", "Subscriptions, by mode.", ["mode"])
PENDING_OVERFLOWS: Final = Counter(
    "beseda_pending_overflows_total", "Rooms whose held live events went over their limit."
)
FEED_HEALTHY: Final = Gauge("beseda_feed_healthy", "1 while the feed of events is connected.")
FEED_RECONNECTS: Final = Counter("beseda_feed_reconnects_total", "Times the feed connected again.")
FEED_PARTITIONS: Final = Gauge("beseda_feed_partitions", "Partitions that this replica listens to.")
CANARY_SECONDS: Final = Histogram(
    "beseda_canary_seconds",
    "From the publication of a canary to its arrival on the feed.",
    buckets=FAST_SECONDS,
)
CANARIES_MISSED: Final = Counter(
    "beseda_canaries_missed_total", "Looks at which the feed had not heard its last canary."
)

# --- Publishing -----------------------------------------------------------------------
PUBLISH_BATCH: Final = Histogram(
    "beseda_publish_batch_commands", "Commands of one pipeline.", buckets=SIZES
)
PUBLISH_SECONDS: Final = Histogram(
    "beseda_publish_seconds", "From a command's arrival to its answer.", buckets=FAST_SECONDS
)
PUBLISH_QUEUE: Final = Gauge("beseda_publish_queue_commands", "Commands that wait for Redis.")
PUBLISH_OVERFLOWS: Final = Counter(
    "beseda_publish_overflows_total", "Commands told busy because the publish queue was full."
)
PARTITIONS_SETTLED: Final = Counter(
    "beseda_partitions_settled_total",
    "Partitions of a Redis that was new to us, by what it had: current or behind PostgreSQL.",
    ["outcome"],
)
HYDRATIONS: Final = Counter(
    "beseda_hydrations_total", "Cold rooms brought from PostgreSQL, by outcome.", ["outcome"]
)

# --- Writer ---------------------------------------------------------------------------
DRAIN_RECORDS: Final = Gauge("beseda_drain_records", "Records not yet saved, all partitions.")
DRAIN_RECORDS_MAX: Final = Gauge(
    "beseda_drain_records_max", "Records not yet saved, in the fullest partition."
)
DRAIN_FILL: Final = Gauge(
    "beseda_drain_fill_ratio", "Unsaved records of the fullest partition; at 1 senders are refused."
)
WRITER_PARTITIONS: Final = Gauge("beseda_writer_partitions", "Partitions that this writer leases.")
WRITER_BATCH_ROWS: Final = Histogram(
    "beseda_writer_batch_rows", "Records of one transaction.", buckets=SIZES
)
WRITER_COMMIT_SECONDS: Final = Histogram(
    "beseda_writer_commit_seconds", "Time of one transaction.", buckets=FAST_SECONDS
)
WRITER_SAVED: Final = Counter("beseda_writer_saved_total", "Records committed and acknowledged.")
WRITER_SET_ASIDE: Final = Counter(
    "beseda_writer_set_aside_total", "Records that PostgreSQL refuses, kept with their error."
)
WRITER_LEASES_LOST: Final = Counter(
    "beseda_writer_leases_lost_total", "Batches whose lease was gone when they were acknowledged."
)
WRITER_OUTLIVED: Final = Counter(
    "beseda_writer_outlived_total", "Batches that came from a Redis that was replaced."
)
WRITER_RETRIES: Final = Counter(
    "beseda_writer_retries_total", "Batches tried again after a connection error."
)
DELETIONS_FINISHED: Final = Counter(
    "beseda_deletions_finished_total",
    "Deleted rooms that Redis still served, until a writer looked.",
)
SAVED_LAG_SECONDS: Final = Histogram(
    "beseda_saved_lag_seconds",
    "From sent (in Redis) to saved (in PostgreSQL).",
    buckets=SLOW_SECONDS,
)

PUSHES: Final = Counter("beseda_pushes_total", "Push messages, by outcome.", ["outcome"])
PUSH_QUEUE: Final = Gauge("beseda_push_queue", "Push messages that wait to be sent.")

# --- Webhooks ---------------------------------------------------------------------------
HOOKS_DELIVERED: Final = Counter(
    "beseda_hooks_delivered_total", "Messages that outgoing webhooks delivered."
)
HOOKS_FAILED: Final = Counter(
    "beseda_hooks_failed_total", "Attempts of outgoing webhooks that failed."
)
HOOKS_DEAD: Final = Counter("beseda_hooks_dead_total", "Outgoing webhooks that were given up.")

# --- Files ------------------------------------------------------------------------------
FILES_UPLOADED: Final = Counter("beseda_files_uploaded_total", "Files that were taken.")
FILE_BYTES_UPLOADED: Final = Counter(
    "beseda_file_bytes_uploaded_total", "Bytes of files that were taken, as they came."
)
FILES_REFUSED: Final = Counter(
    "beseda_files_refused_total", "Uploads that were refused, by code.", ["code"]
)
FILES_REMOVED: Final = Counter(
    "beseda_files_removed_total", "Files whose bytes were taken away: unused or deleted ones."
)
FILE_STORE_ERRORS: Final = Counter(
    "beseda_file_store_errors_total", "Calls of the S3 store of files that failed.", ["method"]
)
IMAGES_QUEUE: Final = Gauge("beseda_images_queue", "Pictures that are read or wait for it.")

# --- Neighbours -----------------------------------------------------------------------
REDIS_SECONDS: Final = Histogram(
    "beseda_redis_seconds", "Time of one round trip to Redis.", buckets=FAST_SECONDS
)
REDIS_ERRORS: Final = Counter(
    "beseda_redis_errors_total", "Redis commands that failed, by error.", ["error"]
)
REDIS_OVERFLOWS: Final = Counter(
    "beseda_redis_overflows_total", "Calls refused because too many commands waited for Redis."
)
REDIS_FAILOVERS: Final = Counter(
    "beseda_redis_failovers_total", "Times that Redis turned out to have other masters."
)
PG_SECONDS: Final = Histogram(
    "beseda_pg_seconds", "Time of a PostgreSQL query, by name.", ["query"], buckets=FAST_SECONDS
)
PG_AWAY: Final = Gauge("beseda_pg_away", "1 while PostgreSQL is silent.")
PG_CUT: Final = Counter(
    "beseda_pg_cut_total", "Uses of PostgreSQL that were ended because it was silent."
)
PG_ERRORS: Final = Counter("beseda_pg_errors_total", "PostgreSQL queries that failed.", ["query"])

# --- Log-in and HTTP --------------------------------------------------------------------
LOGINS: Final = Counter("beseda_logins_total", "Log-ins, by outcome.", ["outcome"])
REGISTRATIONS: Final = Counter(
    "beseda_registrations_total", "Registrations, by outcome.", ["outcome"]
)
BCRYPT_QUEUE: Final = Gauge("beseda_bcrypt_queue", "Passwords that wait for a hash.")
BCRYPT_SECONDS: Final = Histogram(
    "beseda_bcrypt_seconds", "Time of one hash, without the wait.", buckets=FAST_SECONDS
)
HTTP_REQUESTS: Final = Counter(
    "beseda_http_requests_total", "HTTP requests.", ["route", "method", "status"]
)
HTTP_SECONDS: Final = Histogram(
    "beseda_http_seconds", "Time of an HTTP request.", ["route"], buckets=FAST_SECONDS
)

# --- The process ------------------------------------------------------------------------
LOOP_LAG_SECONDS: Final = Histogram(
    "beseda_loop_lag_seconds", "How late the event loop wakes a sleeper.", buckets=FAST_SECONDS
)
TASKS: Final = Gauge("beseda_tasks", "Supervised tasks that run.")
LOOP_TASKS: Final = Gauge(
    "beseda_loop_tasks", "Tasks of the event loop, supervised or not, when this was asked."
)
TASK_CRASHES: Final = Counter("beseda_task_crashes_total", "Tasks that crashed, by name.", ["task"])
DRAINING: Final = Gauge("beseda_draining", "1 once the process was told to stop.")
