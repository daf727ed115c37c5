"""A server on loopback in a thread of its own, so that blocking programs can be run against it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rollouts.embedded.api import ApiServer
from rollouts.embedded.api.http import Serving, serve


@contextmanager
def served(kubeconfig: Path, *crds: dict, server: ApiServer | None = None) -> Iterator[Serving]:
    """Serve until the block ends."""
    server = server or ApiServer(lambda: datetime.now(UTC))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> Serving:
        server.install_crds(crds)
        return await serve(server, kubeconfig_path=kubeconfig)

    try:
        serving = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        try:
            yield serving
        finally:
            asyncio.run_coroutine_threadsafe(serving.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
