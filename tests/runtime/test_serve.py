from __future__ import annotations

import asyncio
import signal
import time

import aiohttp
import pytest

from tests.helpers import free_port, wait_until
from tests.runtime.processes import started

SMALL = "tests.runtime.small_service"


async def get(port: int, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as response,
    ):
        return response.status, await response.text(), dict(response.headers)


@pytest.mark.parametrize("event_loop", ["uvloop", "asyncio"])
async def test_it_says_its_port_once_it_answers_there(event_loop: str) -> None:
    async with started(SMALL, EVENT_LOOP=event_loop) as small:
        status, text, headers = await get(await small.port(), "/hello")
    assert (status, text) == (200, "hello")
    assert "Server" not in headers


@pytest.mark.parametrize("event_loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_then_closes_then_ends_with_zero(
    event_loop: str, number: signal.Signals
) -> None:
    async with started(SMALL, EVENT_LOOP=event_loop, DRAIN_TAKES_S="0.3") as small:
        await small.port()
        small.signal(number)
        assert await small.end() == 0
    order = ["opened", "ready", "stopping", "drain began", "drain ended", "closed", "stopped"]
    assert [m for m in small.messages() if m in order] == order


async def test_noise_from_a_client_gets_a_400_and_leaves_no_traceback() -> None:
    async with started(SMALL, LOG_LEVEL="debug") as small:
        port = await small.port()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /hello HTTP/1.1\r\nHost: a\r\nhunter2 is no header\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        small.signal(signal.SIGTERM)
        assert await small.end() == 0
    assert not [line for line in small.lines if "hunter2" in line or "Traceback" in line]


async def test_while_draining_it_answers_but_is_not_ready() -> None:
    async with started(SMALL, DRAIN_TAKES_S="2") as small:
        port = await small.port()
        assert (await get(port, "/readyz"))[0] == 200
        small.signal(signal.SIGTERM)
        await small.line("drain began")
        status, text, _ = await get(port, "/readyz")
        assert status == 503
        assert '"draining":true' in text
        assert (await get(port, "/healthz"))[0] == 200
        assert (await get(port, "/hello"))[0] == 200


async def test_a_request_in_flight_gets_its_answer() -> None:
    async with started(SMALL) as small:
        port = await small.port()
        answer = asyncio.create_task(get(port, "/slow/alice"))
        await small.line("slow began")
        small.signal(signal.SIGTERM)
        assert (await answer)[:2] == (200, "slow but sure")
        assert await small.end() == 0


async def test_a_drain_that_takes_too_long_is_cut_short() -> None:
    async with started(SMALL, DRAIN_TAKES_S="60", DRAIN_S="0.2") as small:
        await small.port()
        began = time.monotonic()
        small.signal(signal.SIGTERM)
        assert await small.end() == 0
        assert time.monotonic() - began < 6
    assert "a drain was cut short" in small.messages()
    assert "closed" in small.messages()


async def test_a_second_signal_means_hurry() -> None:
    async with started(SMALL, DRAIN_TAKES_S="60", DRAIN_S="60") as small:
        await small.port()
        small.signal(signal.SIGTERM)
        await small.line("drain began")
        small.signal(signal.SIGTERM)
        assert await small.end(10) == 0
    assert "closed" in small.messages()


async def test_a_clean_up_that_hangs_ends_the_process_with_every_stack() -> None:
    async with started(SMALL, HANG="1", DRAIN_S="0.2", CLOSING_S="0.5") as small:
        await small.port()
        small.signal(signal.SIGTERM)
        assert await small.end(10) == 1
        complaint = await small.complaint()
    assert complaint.startswith("Timeout")
    assert "most recent call first" in complaint


async def test_a_signal_while_it_starts_ends_it_at_once() -> None:
    async with started(SMALL, SLOW_START_S="60") as small:
        # The handler is there once the loop turns; before that, the signal's own default ends it.
        await asyncio.sleep(1.0)
        small.signal(signal.SIGTERM)
        assert await small.end(5) in {0, -signal.SIGTERM}


async def test_a_part_that_fails_for_good_ends_it_in_order_with_one() -> None:
    async with started(SMALL, CRASH="later") as small:
        await get(await small.port(), "/fall")
        assert await small.end() == 1
    assert "a task crashed" in small.messages()
    assert "closed" in small.messages()


async def test_a_part_that_fails_for_good_at_start_ends_it_with_one() -> None:
    async with started(SMALL, CRASH="at once", SLOW_START_S="0.1") as small:
        assert await small.end() == 1


async def test_an_address_in_use_is_one_sentence() -> None:
    async with started(SMALL) as first:
        port = await first.port()
        async with started(SMALL, PORT=str(port)) as second:
            assert await second.end() == 1
            complaint = await second.complaint()
    assert complaint.startswith(f"beseda: cannot listen on 127.0.0.1:{port}: ")
    assert len(complaint.splitlines()) == 1


async def test_two_may_share_a_port_and_the_one_that_stops_gives_it_up_first() -> None:
    port = str(free_port())
    shared = {"PORT": port, "SHARE_PORT": "1"}
    async with (
        started(SMALL, **shared) as staying,
        started(SMALL, DRAIN_TAKES_S="2", **shared) as leaving,
    ):
        await staying.port()
        await leaving.port()
        leaving.signal(signal.SIGTERM)
        await leaving.line("drain began")
        answers = [(await get(int(port), "/readyz"))[0] for _ in range(20)]
    assert answers == [200] * 20


async def test_a_wrong_setting_is_one_sentence_without_its_value() -> None:
    async with started(SMALL, BCRYPT_COST="99", JWT_SECRET_KEY="s3cret", DRAIN_S="x-ray") as small:
        assert await small.end() == 2
        complaint = await small.complaint()
    assert complaint.startswith("beseda: ")
    assert "BCRYPT_COST" in complaint
    assert "DRAIN_S" in complaint
    assert len(complaint.splitlines()) == 1
    assert "s3cret" not in complaint
    assert "x-ray" not in complaint


async def test_the_access_log_has_neither_queries_nor_cookies_nor_probes() -> None:
    async with started(SMALL) as small:
        port = await small.port()
        await get(port, "/hello?search=private+words", Cookie="session=abcdefgh")
        await get(port, "/healthz")
        await get(port, "/readyz")
        await get(port, "/metrics")
        await get(port, "/hello/none", **{"X-Request-ID": "from-nginx"})
        small.signal(signal.SIGTERM)
        await small.end()
    output = "".join(small.lines)
    assert output.count('"message":"request"') == 2
    assert '"path":"/hello"' in output
    assert '"request":"from-nginx"' in output
    for hidden in ("private", "abcdefgh", "healthz", "readyz", "metrics"):
        assert hidden not in output


@pytest.mark.parametrize(("level", "loaded"), [("info", 0), ("debug", 1)])
async def test_a_file_of_a_page_is_logged_only_for_who_debugs_or_when_it_fails(
    level: str, loaded: int
) -> None:
    async with started(SMALL, LOG_LEVEL=level) as small:
        port = await small.port()
        await get(port, "/static/app.js")
        await get(port, "/static/missing.js")
        small.signal(signal.SIGTERM)
        await small.end()
    output = "".join(small.lines)
    assert output.count('"path":"/static/app.js"') == loaded
    assert output.count('"path":"/static/missing.js"') == 1


async def test_metrics_count_requests_by_pattern_and_never_by_what_people_type() -> None:
    async with started(SMALL) as small:
        port = await small.port()
        await get(port, "/slow/alice")
        await get(port, "/nothing/here")
        text = (await get(port, "/metrics"))[1]
    assert 'beseda_http_requests_total{method="GET",route="/slow/{name}",status="200"} 1.0' in text
    assert 'beseda_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert "alice" not in text
    assert "nothing" not in text


async def test_loop_lag_is_measured() -> None:
    async with started(SMALL) as small:
        port = await small.port()

        async def measured() -> bool:
            text = (await get(port, "/metrics"))[1]
            return "beseda_loop_lag_seconds_count 0.0" not in text

        await wait_until(measured, description="the lag of the loop was sampled")
