"""An API server in this process and clients of it, for tests in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, ParamSpec

from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock, run
from rollouts.kube.client import Client

P = ParamSpec("P")


def server() -> tuple[ApiServer, Client]:
    """A fresh server and a client of it."""
    api = ApiServer(VirtualClock(), seed=0)
    return api, Client(InProcess(api))


def virtually(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a coroutine function a test that runs in virtual time."""

    @wraps(test)
    def run_it(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

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
