"""The questions that may be asked, one file each, in the order in which they are asked."""

from __future__ import annotations

from typing import Final

from loadtest.scenarios import (
    big_room,
    chat_day,
    compression,
    connect_storm,
    fairness,
    idle,
    login_storm,
    ratio,
    reconnect_storm,
    redis_cost,
    replicas,
    scale,
    small_rooms,
    writer,
)

QUESTIONS: Final = {
    question.name: question
    for question in (
        big_room.QUESTION,
        small_rooms.QUESTION,
        idle.QUESTION,
        connect_storm.QUESTION,
        reconnect_storm.QUESTION,
        login_storm.QUESTION,
        chat_day.QUESTION,
        replicas.QUESTION,
        ratio.QUESTION,
        compression.QUESTION,
        redis_cost.QUESTION,
        writer.QUESTION,
        scale.QUESTION,
        fairness.QUESTION,
    )
}
