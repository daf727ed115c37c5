"""What is kept back by the fence does not reach the server, whatever it was waiting for."""

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from rollouts.embedded.virtual_time import run
from rollouts.kube import config
from rollouts.kube.client import Client
from rollouts.kube.errors import Unreachable
from rollouts.kube.fence import Fence, Fenced, LeadershipLost
from rollouts.kube.http import HttpTransport, open_client
from rollouts.kube.resources import CONFIG_MAPS
from rollouts.kube.transport import Request
from tests.faults.model import SlowAnswer
from tests.faults.transport import Faulty
from tests.kube.scripted import Scripted
from tests.kube.test_http import Handler, api


def now() -> float:
    return asyncio.get_running_loop().time()


def opened(seconds: float) -> Fence:
    fence = Fence()
    fence.open(now() + seconds)
    return fence


def seen(requests: list[str], answer: Callable[[], web.Response]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        requests.append(request.method)
        return answer()

    return handler


async def write(client: Client) -> None:
    await client.patch(CONFIG_MAPS, "x", {"data": {}}, "a")


async def test_a_write_that_the_server_puts_off_is_not_repeated_after_the_lease_ran_out(
    tmp_path: Path,
) -> None:
    requests: list[str] = []
    put_off = seen(requests, lambda: web.json_response({}, status=429, headers={"retry-after": "1"}))
    async with api(put_off, tmp_path) as client:
        with pytest.raises((LeadershipLost, Unreachable)):
            await write(Client(Fenced(client.transport, opened(0.5))))
        await asyncio.sleep(1)
    assert requests == ["PATCH"]


async def test_a_write_that_waits_for_its_credential_does_not_leave_after_the_lease_ran_out(
    tmp_path: Path,
) -> None:
    requests: list[str] = []
    async with api(seen(requests, lambda: web.json_response({})), tmp_path) as client:
        assert isinstance(client.transport, HttpTransport)

        async def slow(*, refused: str = "") -> str:
            await asyncio.sleep(0.3)
            return "Bearer t"

        client.transport.endpoint = replace(client.transport.endpoint, credentials=slow)
        fence = opened(0.2)
        with pytest.raises((LeadershipLost, Unreachable)):
            await write(Client(Fenced(client.transport, fence)))
        await asyncio.sleep(0.3)
        assert requests == []
        fence.open(now() + 5)
        await write(Client(Fenced(client.transport, fence)))
    assert requests == ["PATCH"]


async def test_leave_is_asked_for_after_the_connection_was_made_and_neither_headers_nor_body_go_without(
    tmp_path: Path,
) -> None:
    """The first asking passes; the next is the one right before the bytes."""
    requests: list[str] = []
    async with api(seen(requests, lambda: web.json_response({})), tmp_path) as client:
        asked = 0

        def second_is_refused() -> None:
            nonlocal asked
            asked += 1
            if asked == 2:
                raise LeadershipLost("too late")

        body = {"metadata": {"name": "x"}}
        request = Request(method="PUT", path="/api/v1/x", body=body, before_sending=second_is_refused)
        with pytest.raises(LeadershipLost, match="too late"):
            await client.transport.request(request)
        await asyncio.sleep(0.2)
        assert requests == []
        await client.transport.request(request)
    assert requests == ["PUT"]


def test_a_process_that_slept_through_its_lease_writes_nothing_and_reads_on() -> None:
    async def main() -> None:
        server = Scripted(answers=[{"metadata": {"name": "x"}}])
        fence = opened(10)
        client = Client(Fenced(server, fence))
        await asyncio.sleep(11)
        with pytest.raises(LeadershipLost):
            await write(client)
        assert fence.hit.is_set()
        assert server.requests == []
        await client.get(CONFIG_MAPS, "x", "a")

    run(main())


def test_an_answer_is_waited_for_as_long_as_the_lease_is_renewed_and_no_longer() -> None:
    async def main() -> None:
        server = Scripted(answers=[{}, {}])
        client = Client(Fenced(Faulty(server, lambda _: SlowAnswer(25)), fence := opened(10)))
        for renewal in (8, 16):
            asyncio.get_running_loop().call_later(renewal, lambda at=renewal: fence.open(at + 10.0))
        await write(client)
        assert now() == 25
        fence.open(30)
        with pytest.raises(Unreachable, match="while the lease was held"):
            await write(client)
        assert now() == 30
        assert not fence.is_quiet(5)
        await asyncio.sleep(5)
        assert fence.is_quiet(5)

    run(main())


def test_a_write_under_way_is_waited_for_before_the_work_counts_as_ended() -> None:
    async def main() -> None:
        server = Scripted(answers=[{}])
        fence = opened(20)
        client = Client(Fenced(Faulty(server, lambda _: SlowAnswer(5)), fence))
        writing = asyncio.create_task(write(client))
        await asyncio.sleep(1)
        writing.cancel()
        await asyncio.sleep(1)
        assert (writing.done(), fence.is_quiet(5)) == (False, False)
        await asyncio.wait({writing})
        assert (now(), writing.cancelled(), fence.is_quiet(5)) == (5, True, True)

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="the option is Linux's")
async def test_the_kernel_gives_up_in_time_what_the_server_does_not_acknowledge(tmp_path: Path) -> None:
    async with api(seen([], lambda: web.json_response({})), tmp_path):
        client = open_client(await config.load(tmp_path / "kubeconfig"), unacknowledged=4.5)
        try:
            await write(client)
            assert isinstance(client.transport, HttpTransport)
            (connection,) = client.transport._session.connector._conns.values()  # type: ignore[union-attr]
            sock = connection[0][0].transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4500
        finally:
            await client.close()
