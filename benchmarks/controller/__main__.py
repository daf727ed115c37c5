"""`make bench-controller`: what the controller costs, at several sizes of a fleet.

python -m benchmarks.controller --rollouts 100,1000 --server embedded --output figures.json
"""

import asyncio
import json
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import click

from benchmarks.controller.report import table
from benchmarks.controller.scenario import Figures, Scenario
from benchmarks.controller.servers import SERVERS
from rollouts import __version__
from rollouts.kube.http import connect


@click.command()
@click.option("--rollouts", default="100,1000,5000", show_default=True, help="The sizes of the fleet.")
@click.option("--pods", default=10, show_default=True, help="Of each rollout.")
@click.option("--sample", default=20, show_default=True, help="Rollouts that are updated at the same time.")
@click.option("--window", default=15.0, show_default=True, help="Seconds that an idle fleet is watched.")
@click.option("--server", type=click.Choice([*SERVERS]), default="embedded", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Where to write the figures as JSON.")
def main(*, rollouts: str, server: str, output: Path | None, **options: Any) -> None:
    """Measure, and print a table."""
    sizes = sorted(int(each) for each in rollouts.split(","))
    facts = {"version": __version__, "python": platform.python_version(), "server": server, **options}
    figures: list[Figures] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end, too
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        kubeconfig, grow = stack.enter_context(SERVERS[server](folder))
        stack.callback(lambda: print(table(figures)))  # of what was measured, should it end early
        asyncio.run(_measure(sizes, figures, kubeconfig, grow=grow, log=folder / "controller.log", **options))
    if output is not None:
        output.write_text(json.dumps({**facts, "figures": figures}, indent=2) + "\n")


async def _measure(sizes: list[int], figures: list[Figures], kubeconfig: Path, **options: Any) -> None:
    client = await connect(kubeconfig)
    began = time.monotonic()
    try:
        async with aiohttp.ClientSession() as session:
            scenario = Scenario(
                client=client,
                session=session,
                kubeconfig=kubeconfig,
                say=lambda text: click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True),
                **options,
            )
            for size in sizes:
                figures += [await scenario.measure(size)]
    finally:
        await client.close()


if __name__ == "__main__":
    main()
