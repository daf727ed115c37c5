"""The command line on an API in process."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner, Result

from rollouts.api.crd import crds
from rollouts.cli import cli
from rollouts.cli.settings import Settings
from rollouts.client import Client
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube import client as kube
from rollouts.kube.resources import CRDS
from tests.client.samples import put


class Bench:
    """An API that holds objects, and a way to run commands on it."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.transport: Any = InProcess(ApiServer(lambda: datetime.now(UTC), seed=0))
        asyncio.run(self._fill(objects))

    async def _fill(self, objects: tuple[dict[str, Any], ...]) -> None:
        cd = self.client()
        for definition in crds():
            await cd.kube.create(CRDS, definition)
        for item in objects:
            await put(cd, item)

    def client(self) -> Client:
        return Client(kube.Client(self.transport), namespace="default")

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run `rollouts ARGUMENTS...`."""
        return CliRunner().invoke(
            cli, arguments, input=stdin, obj=Settings(transport=self.transport), prog_name="rollouts"
        )

    def ok(self, *arguments: str) -> str:
        """Run a command that must succeed, and return what it printed."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout


def one_line_error(result: Result, code: int) -> str:
    """Check that a command failed as all do: its exit code, one line on stderr, no traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: "), result.stderr
    assert "Traceback" not in result.output
    return last.removeprefix("Error: ")
