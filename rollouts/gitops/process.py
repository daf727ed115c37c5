"""Child processes without a shell, off the loop, with a limit on time and on output.

A thread waits for the child, so the limit is one of real time even where the loop's own time is virtual.
"""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rollouts.api.errors import Unavailable

_MOST_OUTPUT = 64 * 1024 * 1024
"""Bytes of standard output that are read back; a rendered application is far smaller."""
_MOST_ERRORS = 16 * 1024

# Their own threads: a server that does not answer must not starve what else runs off the loop.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="gitops")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a child ended."""

    code: int
    output: bytes
    errors: str


class _Child:
    """One child in a process group of its own, which can be ended from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def run(
        self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float, memory: int
    ) -> Finished | None:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            with self._lock:
                if self._ended:
                    return None
                self._process = subprocess.Popen(  # noqa: S603 - a list of arguments, and no shell
                    arguments,
                    cwd=cwd,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                )
                _limit(self._process.pid, memory)
            try:
                code = self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.end()
                self._process.wait()
                return None
            size = output.seek(0, os.SEEK_END)
            if size > _MOST_OUTPUT:
                raise Unavailable(f"{Path(arguments[0]).name} wrote {size} bytes; {_MOST_OUTPUT} are read")
            output.seek(0)
            errors.seek(0)
            return Finished(
                code=code, output=output.read(), errors=errors.read(_MOST_ERRORS).decode(errors="replace")
            )

    def end(self) -> None:
        with self._lock:
            self._ended = True
            if self._process is not None and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)


def _limit(pid: int, memory: int) -> None:
    """Bound what a child may hold and write; only Linux lets another process do so."""
    if sys.platform != "linux":
        return
    with suppress(ProcessLookupError):  # it has ended already
        if memory:
            resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_MOST_OUTPUT + 1, _MOST_OUTPUT + 1))


async def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float, memory: int = 0
) -> Finished:
    """Run a program to its end.

    Args:
        arguments: the program and its arguments; no shell reads them.
        cwd: the folder to run it in.
        env: its whole environment.
        timeout: seconds of real time after which it and its children are killed.
        memory: bytes of address space that it may have, where the system can say so, and a limit on what it
            writes with it; 0 is any.

    Raises:
        Unavailable: the program is not there, took too long or wrote too much.
    """
    child = _Child()
    loop = asyncio.get_running_loop()
    try:
        finished = await loop.run_in_executor(_threads, child.run, arguments, cwd, env, timeout, memory)
    except FileNotFoundError as error:
        raise Unavailable(f"{arguments[0]}: no such program; install it and try again") from error
    except asyncio.CancelledError:
        child.end()
        raise
    if finished is None:
        raise Unavailable(f"{Path(arguments[0]).name} {arguments[1]}: no end after {timeout:g} s")
    return finished
