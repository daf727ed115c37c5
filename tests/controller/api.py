"""An API server in this process and clients of it, for tests in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock, run
from rollouts.kube.client import Client


def server() -> tuple[ApiServer, Client]:
    """A fresh server and a client of it."""
    api = ApiServer(VirtualClock(), seed=0)
    return api, Client(InProcess(api))


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make a coroutine function a test that runs in virtual time."""

    def run_it() -> None:
        run(test())

    run_it.__name__, run_it.__doc__ = test.__name__, test.__doc__
    return run_it


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run things beside the test, and end them after it."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
