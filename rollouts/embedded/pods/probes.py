"""Readiness: asking a container whether it can serve."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from rollouts.api.meta import Object
from rollouts.embedded.pods.runner import Launch, StartFailed

Check = Callable[[], Awaitable[bool]]
"""One question: is it ready now?"""

_EAGER = 0.05
"""Seconds between questions until the first yes, so that a pod is ready as soon as it can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When to ask, and how many answers in a row it takes; the API's defaults."""

    delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    failures: int = 3
    successes: int = 1

    @classmethod
    def of(cls, probe: Object) -> "Rhythm":
        """From a readinessProbe."""
        return cls(
            delay=float(probe.get("initialDelaySeconds") or 0),
            period=float(probe.get("periodSeconds") or 10),
            timeout=float(probe.get("timeoutSeconds") or 1),
            failures=int(probe.get("failureThreshold") or 3),
            successes=int(probe.get("successThreshold") or 1),
        )


def check_of(launch: Launch, run: Callable[[list[str]], Awaitable[int]]) -> Check:
    """What to ask: the readinessProbe, or else whether every port accepts connections.

    `run` runs a command in the container's place and returns its exit status.

    Raises:
        StartFailed: the probe is of a kind that this cluster lacks.
    """
    probe = launch.probe
    if not probe:
        return lambda: _all_accept(launch)
    if get := probe.get("httpGet"):
        port = _port(get["port"], launch)
        host = get.get("host") or launch.address.ip
        headers = {h["name"]: h["value"] for h in get.get("httpHeaders") or ()}
        return lambda: _http(host, port, get.get("path") or "/", headers)
    if tcp := probe.get("tcpSocket"):
        port = _port(tcp["port"], launch)
        host = tcp.get("host") or launch.address.ip
        return lambda: _accepts(host, port)
    if command := (probe.get("exec") or {}).get("command"):

        async def execute() -> bool:
            return await run(list(command)) == 0

        return execute
    raise StartFailed("readinessProbe: use httpGet, tcpSocket or exec; this cluster has no other")


async def readiness(check: Check, rhythm: Rhythm, *, once: bool) -> AsyncGenerator[bool, None]:
    """Yield each change of readiness. With `once`, nothing more is asked after the first yes."""
    await asyncio.sleep(rhythm.delay)
    ready, streak = False, 0
    while True:
        try:
            async with asyncio.timeout(rhythm.timeout):
                answer = await check()
        except (TimeoutError, OSError):
            answer = False
        streak = streak + 1 if answer != ready else 0
        if streak >= (rhythm.failures if ready else rhythm.successes):
            ready, streak = not ready, 0
            yield ready
            if once:
                return
        await asyncio.sleep(rhythm.period if ready else min(_EAGER, rhythm.period))


def _port(port: int | str, launch: Launch) -> int:
    number = launch.port_names.get(port) if isinstance(port, str) else port
    if number is None:
        raise StartFailed(f'readinessProbe: no port of the container is named "{port}"')
    return launch.address.port(number)


async def _all_accept(launch: Launch) -> bool:
    for port in launch.ports:
        if not await _accepts(launch.address.ip, launch.address.port(port)):
            return False
    return True


async def _accepts(host: str, port: int) -> bool:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return True


async def _http(host: str, port: int, path: str, headers: dict[str, str]) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        lines = {
            "Host": f"{host}:{port}",
            "User-Agent": "kube-probe/rollouts",
            "Connection": "close",
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        status = (await reader.readline()).split()
        return len(status) > 1 and status[1].isdigit() and 200 <= int(status[1]) < 400
    finally:
        writer.close()
