"""Pods as processes of this machine."""

import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollouts.api.errors import Unavailable
from rollouts.embedded.pods.addresses import Addresses
from rollouts.embedded.pods.images import tag_of
from rollouts.embedded.pods.probes import Check, Rhythm, check_of, readiness
from rollouts.embedded.pods.runner import Address, Launch, StartFailed
from rollouts.embedded.pods.spawner import Spawned, Spawner

# What a program needs of the surroundings; nothing else of them reaches a pod.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


class LocalProcesses:
    """A PodRunner: a command runs as it is given, in a session of its own; without one, the stand-in runs."""

    def __init__(self, spawner: Spawner, addresses: Addresses) -> None:
        self._spawner = spawner
        self._addresses = addresses

    async def assign(self, ports: Sequence[int]) -> Address:
        return self._addresses.take(ports)

    def release(self, address: Address) -> None:
        self._addresses.give_back(address)

    async def start(self, launch: Launch) -> "LocalProcess":
        env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | dict(launch.env)

        async def run(command: list[str]) -> int:
            return await (await self._spawn(command, env, launch.cwd)).wait()

        check = check_of(launch, run)
        if launch.command:
            process = await self._spawn(list(launch.command), env, launch.cwd)
        else:
            process = await self._stand_in(launch, env)
        return LocalProcess(process, launch, check)

    async def _spawn(self, command: list[str], env: dict[str, str], cwd: str) -> Spawned:
        if not Path(cwd).is_dir():
            raise StartFailed(f'workingDir: "{cwd}" is no folder of this machine')
        # As a shell would: a path is seen from the folder that the command runs in, a name is searched for.
        sought = str(Path(cwd, command[0])) if "/" in command[0] else command[0]
        program = shutil.which(sought, path=env.get("PATH"))
        if program is None:
            raise StartFailed(f'exec: "{command[0]}": executable file not found in $PATH')
        try:
            return await self._spawner.spawn([program, *command[1:]], env, cwd=Path(cwd))
        except Unavailable as error:
            raise StartFailed(str(error)) from error

    async def _stand_in(self, launch: Launch, env: dict[str, str]) -> Spawned:
        if launch.completes:
            raise StartFailed(
                f'image "{launch.image}" is not here, and the web server that stands in never ends: give the '
                "container a command, or list the image in ConfigMap kube-system/images"
            )
        what = {
            "ip": launch.address.ip,
            "ports": [launch.address.port(port) for port in launch.ports],
            "app": launch.app,
            "version": tag_of(launch.image),
            "pod": launch.pod,
            "broken": launch.broken,
        }
        try:
            return await self._spawner.spawn((), env, standin=what)
        except Unavailable as error:
            raise StartFailed(str(error)) from error


@dataclass(frozen=True, slots=True)
class LocalProcess:
    """A container that is a process."""

    _process: Spawned
    _launch: Launch
    _check: Check

    async def wait(self) -> int:
        return await self._process.wait()

    async def readiness(self) -> AsyncGenerator[bool, None]:
        probe = self._launch.probe
        rhythm = Rhythm.of(probe) if probe else Rhythm()
        async for ready in readiness(self._check, rhythm, once=not probe):
            yield ready

    async def stop(self, grace: float) -> None:
        await self._process.stop(grace)

    def log(self) -> bytes:
        return self._process.output()
