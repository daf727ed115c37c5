"""What the plugin prints, without what differs from run to run; recorded beside upstream's controller.

`ROLLOUTS_TEST_RECORD=1 python -m tests.upstream --controller upstream ...` writes the files anew.
"""

import asyncio
import difflib
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.upstream.walk import Walk

FOLDER = Path(__file__).parent / "printed"
_RECORDS = bool(os.environ.get("ROLLOUTS_TEST_RECORD"))
_SETTLED = 8.0
_LIMIT = 40.0
_PLUGIN_LIMIT = 90.0
_LAST_WORDS = 5.0
"""Seconds."""

_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\b(\d+[dhms])+\b"), "AGE"),
    (re.compile(r"(UID\.[\w.]+)-[0-9a-z]{5}\b"), r"\1-POD"),
    # Ours tells these otherwise, and more: docs/upstream.md.
    (re.compile(r"InvalidSpec: .*"), "InvalidSpec: WHY"),
    (re.compile(r': "Error Message: Job has reached the specified backoff limit"'), ""),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
)
_HASH = re.compile(r"\bshop-([0-9a-z]{8,10})\b(-[0-9a-z]{5}\b)?")


class Said(NamedTuple):
    """A command of the plugin that has ended."""

    code: int
    out: str
    """What it printed, errors after the rest."""


async def plugin(walk: Walk, *words: str, ends_after: float = 0) -> Said:
    """`kubectl argo rollouts WORDS` in the namespace of a walk; with Ctrl-C after so many seconds, if any.

    One that goes on after a Ctrl-C, as `list --watch` does at times, is killed: what it printed counts.
    """
    process = await asyncio.create_subprocess_exec(
        str(walk.peers / "kubectl-argo-rollouts"),
        *words,
        f"--namespace={walk.namespace}",
        env={**os.environ, "KUBECONFIG": str(walk.kubeconfig)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    later, ends = asyncio.get_running_loop().call_later, []
    if ends_after:
        ends.append(later(ends_after, process.send_signal, signal.SIGINT))
        ends.append(later(ends_after + _LAST_WORDS, process.kill))
    try:
        async with asyncio.timeout(_PLUGIN_LIMIT):
            out, err = await process.communicate()
    finally:
        for each in ends:
            each.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Said(process.returncode, out.decode() + err.decode())


def masked(text: str, namespace: str) -> str:
    """Without times, ages, ids and the width of columns; pod hashes are numbered as they come."""
    text = text.replace(namespace, "NAMESPACE")
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        found = numbers.setdefault(match[1], len(numbers) + 1)
        return f"shop-HASH{found}" + ("-POD" if match[2] else "")

    return _HASH.sub(number, text)


async def transcript(walk: Walk, commands: Sequence[str]) -> str:
    """The commands, each with what it prints and its exit status, masked."""
    parts = []
    for command in commands:
        said = await plugin(walk, *command.split())
        parts.append(f"$ {command}\n{said.out}[{said.code}]\n")
    return masked("\n".join(parts), walk.namespace)


async def prints(walk: Walk, name: str, *commands: str) -> None:
    """The commands come to print what is recorded of them."""
    await settles(name, lambda: transcript(walk, commands))


async def settles(name: str, look: Callable[[], Awaitable[str]]) -> None:
    """What is seen comes to be what is recorded."""
    if _RECORDS:
        await asyncio.sleep(_SETTLED)
    end = time.monotonic() + _LIMIT
    seen = await look()
    while not _RECORDS and seen != _file(name).read_text() and time.monotonic() < end:
        await asyncio.sleep(1)
        seen = await look()
    recorded(name, seen)


def recorded(name: str, seen: str) -> None:
    """What is seen is what is recorded; or it is recorded now."""
    if _RECORDS:
        _file(name).write_text(seen)
        return
    wanted = _file(name).read_text()
    difference = difflib.unified_diff(wanted.splitlines(), seen.splitlines(), "recorded", "seen", lineterm="")
    assert seen == wanted, "\n".join(difference)


def _file(name: str) -> Path:
    return FOLDER / f"{name.replace(' ', '-').replace('/', '-').replace(',', '')}.txt"
