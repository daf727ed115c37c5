"""`rollouts demo`."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import click

from rollouts.api.errors import RolloutsError
from rollouts.demo.processes import Programs
from rollouts.demo.report import Report
from rollouts.demo.story import Story

_NEXT = """
Everything is still up. What to try next:
  export PATH={programs}:$PATH KUBECONFIG={home}/kubeconfig
  kubectl get rollouts,applications -A
  rollouts get hello-flask -n hello --watch
  rollouts app get hello-flask -n rollouts-system
  cd {home}/demo/ci                 # CI's clone: edit an image tag, commit, push to main
  tail -f {home}/controller.log
  rollouts demo --stop              # ends it all
"""


@click.command(epilog="Example: rollouts demo --revert")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON; progress goes to stderr.")
@click.option("--revert", is_flag=True, help="Let the engine commit the revert of the bad version to Git.")
@click.option("--keep", is_flag=True, help="Leave everything up and print what to try next.")
@click.option("--stop", is_flag=True, help="End what --keep left up.")
def demo(*, as_json: bool, revert: bool, keep: bool, stop: bool) -> None:
    """Show the main job: a Git commit becomes a promoted, or a rolled back release.

    Starts the embedded cluster and the controller, sends real traffic through a real Envoy, ships a good
    version and then a bad one, and prints what was measured. Ends with 0 only if everything held.
    """
    programs = Programs(Path(os.environ.get("ROLLOUTS_HOME", ".rollouts")).absolute())
    if stop:
        asyncio.run(programs.stop())
        return
    # To be told to end is to clean up, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = asyncio.run(_show(programs, revert=revert, keep=keep))
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else report.as_text())
    if keep:
        click.echo(_NEXT.format(home=programs.home, programs=Path(sys.executable).parent), err=True)
    sys.exit(0 if report.ok else 1)


async def _show(programs: Programs, *, revert: bool, keep: bool) -> Report:
    began = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {line}", err=True)

    if programs.kubeconfig.exists():
        raise click.ClickException(
            f"an embedded cluster is up already ({programs.kubeconfig}); end it with: rollouts demo --stop"
        )
    try:
        return await Story(programs, tell, revert=revert).play()
    except RolloutsError as error:
        raise click.ClickException(f"{error}; the logs are in {programs.home}") from error
    finally:
        if not keep:
            await programs.stop()
