"""The parent of every process of the embedded cluster: small, single-threaded, and ready to fork.

The engine's own process has threads (gRPC) and may not fork. This one reads commands, one JSON object a
line, from a socket; `spawn` comes with a file descriptor for the output. It reports starts and exits on a
pipe. When the socket closes, whatever the reason, it ends everything that it started.
"""

import ctypes
import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from rollouts.embedded.pods import standin

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """On Linux, have the kernel end this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Zygote:
    """The loop and what it knows: the processes by the numbers that the other side gave them."""

    def __init__(self, commands: socket.socket, events: int) -> None:
        self._commands = commands
        self._events = events
        self._pids: dict[int, int] = {}
        self._descriptors: list[int] = []
        self._buffer = b""
        # Held open by this process alone: children see its end close when it is gone, where PDEATHSIG is not.
        self._life, self._held = os.pipe()
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._inherited = (commands.fileno(), events, self._held, self._wake, wake)

    def run(self) -> None:
        """Serve until the other side is gone."""
        import select  # noqa: PLC0415 - kept out of the children's start-up path

        poll = select.poll()
        poll.register(self._commands, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._commands.fileno() in ready and not self._read():
                return

    def end_all(self) -> None:
        """Kill every process group."""
        for pid in self._pids.values():
            _signal_group(pid, signal.SIGKILL)

    def _read(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._commands, 65_536, 64)
        if not data:
            return False
        self._descriptors += descriptors
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return True

    def _obey(self, command: dict[str, Any]) -> None:
        if command["op"] == "spawn":
            output = self._descriptors.pop(0)
            pid = os.fork()
            if pid == 0:
                self._become(command, output)
            os.close(output)
            self._pids[command["id"]] = pid
            self._report({"id": command["id"], "pid": pid})
        elif (target := self._pids.get(command["id"])) is not None:
            _signal_group(target, command["signal"])

    def _become(self, command: dict[str, Any], output: int) -> None:
        """Turn into the process asked for; never returns."""
        code = 127
        try:
            os.setsid()
            die_with_parent()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            for descriptor in (*self._inherited, *self._descriptors, output):
                os.close(descriptor)
            if command["argv"]:
                os.chdir(command["cwd"])
                os.execvpe(command["argv"][0], command["argv"], command["env"])  # noqa: S606 - no shell wanted
            os.environ.clear()
            os.environ.update(command["env"])
            code = standin.main(command["standin"], command["env"], self._life)
        except OSError as error:
            sys.stderr.write(f"{error}\n")
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for number, pid in [*self._pids.items()]:
            with suppress(ChildProcessError):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    # What it left behind in its session ends with it.
                    _signal_group(pid, signal.SIGKILL)
                    del self._pids[number]
                    code = os.waitstatus_to_exitcode(status)
                    self._report({"id": number, "exit": code if code >= 0 else 128 - code})

    def _report(self, event: dict[str, int]) -> None:
        os.write(self._events, json.dumps(event).encode() + b"\n")


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def main() -> None:
    """Arguments: the descriptors of the command socket and of the event pipe."""
    # It must not die with its parent, but outlive it for a moment: to end what it started, and theirs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands = socket.socket(fileno=int(sys.argv[1]))
    zygote = Zygote(commands, int(sys.argv[2]))
    gc.collect()
    gc.freeze()  # the children share these pages as long as nobody touches them
    try:
        zygote.run()
    except BrokenPipeError:
        pass  # nobody reads the events any more
    finally:
        zygote.end_all()


if __name__ == "__main__":
    main()
