"""The fault layer on the wire does what its nouns say, as our client sees it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rollouts.kube.client import Client
from rollouts.kube.errors import ApiError, Conflict, ServerError, TooManyRequests, Unreachable
from rollouts.kube.http import connect
from rollouts.kube.informer import Informer
from rollouts.kube.resources import CONFIG_MAPS
from rollouts.kube.store import Writer
from tests.controller.api import running, server
from tests.faults.controller import until
from tests.faults.model import (
    CONFLICT,
    GONE,
    INTERNAL_ERROR,
    Answer,
    Fault,
    Page,
    ResetAfter,
    ResetBefore,
    Slow,
    SlowAnswer,
    Truncated,
    WatchCut,
    WatchGone,
    WatchLate,
    WatchStalls,
    is_watch,
    is_write,
)
from tests.faults.proxy import Proxy


@asynccontextmanager
async def befallen(folder: Path, fault: Fault | None) -> AsyncIterator[tuple[Proxy, Client, Client]]:
    """A proxy whose writes and watches all meet a fault, a client through it, and one beside it."""
    _, direct = server()
    async with Proxy(direct.transport, lambda r: fault if is_write(r) or is_watch(r) else None) as proxy:
        client = await connect(proxy.kubeconfig(folder))
        try:
            yield proxy, client, direct
        finally:
            await client.close()


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


@pytest.mark.parametrize(
    ("fault", "error", "takes_effect"),
    [
        (CONFLICT, Conflict, False),
        (INTERNAL_ERROR, ServerError, False),
        (Answer(code=429, retry_after="x"), TooManyRequests, False),
        (Page(), Unreachable, False),
        (Page(code=502), ApiError, False),
        (ResetBefore(), Unreachable, False),
        (ResetAfter(), Unreachable, True),
        (Truncated(), Unreachable, True),
        (Slow(0.3), None, True),
        (SlowAnswer(0.3), None, True),
        (WatchGone(), None, True),
        (None, None, True),
    ],
    ids=str,
)
async def test_a_write_fails_before_or_after_it_took_effect(
    tmp_path: Path, fault: Fault | None, error: type[Exception] | None, *, takes_effect: bool
) -> None:
    async with befallen(tmp_path, fault) as (proxy, client, direct):
        began = time.monotonic()
        if error is None:
            assert (await client.create(CONFIG_MAPS, config_map("x"), "default"))["metadata"]["uid"]
        else:
            with pytest.raises(error):
                await client.create(CONFIG_MAPS, config_map("x"), "default")
        assert time.monotonic() - began >= (0.3 if fault in (Slow(0.3), SlowAnswer(0.3)) else 0)
        names = [each["metadata"]["name"] for each in (await direct.list(CONFIG_MAPS, "default"))["items"]]
        assert ("x" in names) == takes_effect
        assert bool(proxy.met) == (fault is not None)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (WatchStalls(after=1), ["x", "silence"]),
        (WatchCut(after=1), ["x", "Unreachable"]),
        (WatchGone(after=1), ["x", "410"]),
        (GONE, ["Gone"]),
        (ResetBefore(), ["Unreachable"]),
        (Page(), ["Unreadable"]),
        (WatchLate(0.2), ["x", "y", "silence"]),
    ],
    ids=str,
)
async def test_a_watch_shows_events_until_what_befalls_it(
    tmp_path: Path, fault: Fault, seen: list[str]
) -> None:
    async with befallen(tmp_path, fault) as (_, client, direct):
        found = []
        for name in ("x", "y"):
            await direct.create(CONFIG_MAPS, config_map(name), "default")
        try:
            async with asyncio.timeout(1):
                async for event in client.watch(CONFIG_MAPS, "default"):
                    failed = event["type"] == "ERROR"
                    found.append("410" if failed else event["object"]["metadata"]["name"])
        except TimeoutError:
            found.append("silence")
        except (ApiError, Unreachable) as error:
            found.append(type(error).__name__)
        assert found == seen


async def test_a_watch_that_stalls_on_a_real_connection_is_noticed_and_opened_again(tmp_path: Path) -> None:
    async with befallen(tmp_path, None) as (proxy, client, direct):
        store = Writer()
        informer = Informer(client, CONFIG_MAPS, store, namespace="default", silence=0.5)
        async with running(informer.run()):
            await informer.synced.wait()
            stalled = iter([WatchStalls()])
            proxy.choose = lambda request: next(stalled, None) if is_watch(request) else None
            proxy.cut()
            await until(lambda: asyncio.sleep(0, proxy.met))
            await direct.create(CONFIG_MAPS, config_map("x"), "default")

            async def shows() -> bool:
                return store.get(CONFIG_MAPS, "x", "default") is not None

            await until(shows)


async def test_a_server_that_is_down_refuses_connections_and_is_on_the_same_port_afterwards(
    tmp_path: Path,
) -> None:
    async with befallen(tmp_path, None) as (proxy, client, _):
        await client.list(CONFIG_MAPS)
        await proxy.down()
        with pytest.raises(Unreachable):
            await client.list(CONFIG_MAPS)
        await proxy.up()
        await client.list(CONFIG_MAPS)
