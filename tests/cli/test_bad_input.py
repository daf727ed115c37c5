"""What can be wrong with a command, its cluster and its answers: one line, and a telling exit code."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from rollouts.api.meta import Object
from rollouts.kube.errors import Unreachable
from rollouts.kube.transport import Request, Response
from tests.cli.bench import Bench, one_line_error
from tests.client.samples import rollout
from tests.places import SOURCES


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["promot", "shop"], 'there is no command "promot"; did you mean "promote"?'),
        (["xyzzy"], 'there is no command "xyzzy"; see: rollouts --help'),
        (["promote"], "Missing argument 'NAME'; see: rollouts promote --help"),
        (["app", "sinc", "shop"], "Did you mean 'sync'?"),
        (["get"], "name one rollout, like: rollouts get shop"),
        (["get", "rollout"], "name one rollout"),
        (["get", "experiment", "x"], "experiments are refused"),
        (["get", "pod", "x"], '"pod" is no kind to show; write: rollouts get rollout x'),
        (["get", "shop", "--watch", "-o", "json"], "--watch draws the tree of a rollout"),
        (["get", "analysisrun", "x", "--watch"], "--watch draws the tree of a rollout"),
        (["list", "experiments"], '"experiments" cannot be listed'),
        (["list", "-o", "xml"], "'xml' is not one of 'text', 'json', 'yaml'"),
        (["status", "shop", "--timeout", "soon"], '"soon" is not a duration; write it like 30s'),
        (["restart", "shop", "--in", "-5s"], "below zero"),
        (["set", "image", "shop", "web"], '"web" is not CONTAINER=IMAGE'),
        (["set", "image", "shop"], "Missing argument 'CONTAINER=IMAGE...'"),
        (["undo", "shop", "--to-revision", "-1"], "-1 is not in the range"),
        (["promote", "shop", "--ful"], "Did you mean"),
        (["completion", "csh"], "'csh' is not one of"),
    ],
)
def test_wrong_usage_is_2(words: list[str], says: str) -> None:
    assert says in one_line_error(Bench().run(*words), 2)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["get", "nope"], 'there is no rollout "nope" in namespace "default"'),
        (["promote", "nope"], 'there is no rollout "nope" in namespace "default"'),
        (["status", "nope"], 'there is no rollout "nope" in namespace "default"'),
        (["terminate", "analysisrun", "nope"], 'there is no analysisrun "nope" in namespace "default"'),
        (["app", "sync", "nope"], 'there is no application "nope" in namespace "default"'),
        (["app", "diff", "nope"], 'there is no application "nope" in namespace "default"'),
        (["set", "image", "shop", "wbe=x:1"], 'has no container "wbe"; it has: log, web'),
        (["undo", "shop", "--to-revision", "9"], "no revision 9; it has: none"),
    ],
)
def test_a_wrong_name_is_1(words: list[str], says: str) -> None:
    assert says in one_line_error(Bench(rollout()).run(*words), 1)


class Refusing:
    """A transport to an API that answers everything alike."""

    def __init__(self, code: int, status: dict[str, Any]) -> None:
        self.code = code
        self.status = status

    async def request(self, request: Request) -> Response:
        return Response(code=self.code, body=self.status)

    async def stream(self, request: Request) -> AsyncGenerator[Object, None]:
        raise Unreachable("not here")
        yield {}

    async def close(self) -> None:
        pass


FORBIDDEN = 'rollouts.argoproj.io "shop" is forbidden: User "ann" cannot patch resource "rollouts"'


@pytest.mark.parametrize(("code", "exit_code"), [(403, 5), (401, 5), (500, 1), (422, 1)])
@pytest.mark.parametrize("words", [["list"], ["abort", "shop"], ["app", "list"]])
def test_what_the_api_refuses_is_told_in_its_words(words: list[str], code: int, exit_code: int) -> None:
    bench = Bench()
    bench.transport = Refusing(code, {"message": FORBIDDEN, "reason": "Forbidden"})
    assert FORBIDDEN in one_line_error(bench.run(*words), exit_code)


def test_an_answer_of_many_lines_is_told_in_one() -> None:
    bench = Bench()
    bench.transport = Refusing(422, {"message": "spec is wrong:\n  a\n  b"})
    assert one_line_error(bench.run("list"), 1) == "spec is wrong: a b"


def run(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in an empty home."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "rollouts", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(SOURCES)},
    )


def test_no_cluster_anywhere(tmp_path: Path) -> None:
    done = run(tmp_path, "list")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: no kubeconfig")
    assert "rollouts cluster up" in line


def test_a_malformed_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("clusters: [\n")
    done = run(tmp_path, "list", KUBECONFIG=str(tmp_path / "bad"))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"kubeconfig {tmp_path / 'bad'}, line 2 is not YAML" in done.stderr


@pytest.mark.parametrize("context", ["there", "nowhere"])
def test_a_cluster_that_is_not_up_or_a_context_that_is_none(tmp_path: Path, context: str) -> None:
    with socket.socket() as taken:  # bound and never listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "config").write_text(
            f"apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
            "users: [{name: u, user: {token: secret-token}}]\n"
            "contexts: [{name: there, context: {cluster: c, user: u}}]\ncurrent-context: there\n"
        )
        done = run(tmp_path, "--kubeconfig", "config", "list", "--context", context)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert (server if context == "there" else "nowhere") in done.stderr
    assert "secret-token" not in done.stderr


def test_the_options_of_the_root_reach_commands_with_their_own(tmp_path: Path) -> None:
    done = run(tmp_path, "--kubeconfig", "nowhere/config", "controller")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "nowhere/config" in done.stderr
