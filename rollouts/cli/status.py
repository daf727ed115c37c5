"""`rollouts status`."""

import click

from rollouts.cli.options import duration, on_cluster, run, show, with_output
from rollouts.cli.settings import Settings
from rollouts.client import Client, RolloutView
from rollouts.client.phase import HEALTHY


@click.command(epilog="Example: rollouts status shop --timeout 10m && echo delivered")
@click.argument("name")
@click.option("--watch/--no-watch", "-w", default=True, help="Wait until it is Healthy; the default.")
@click.option("-t", "--timeout", type=duration, help="Give up after this long, like 10m; never by default.")
@with_output
@on_cluster
def status(name: str, *, watch: bool, timeout: float | None, output: str, settings: Settings) -> None:
    """Wait until a rollout is Healthy; the exit code says how it ended.

    0 is Healthy (with --no-watch anything but Degraded), 3 aborted or otherwise Degraded, 4 not Healthy
    within --timeout.
    """
    told: list[str] = []

    def tell(seen: RolloutView) -> None:
        if output == "text" and told[-1:] != [seen.sentence]:
            told.append(seen.sentence)
            click.echo(seen.sentence)

    async def wait(cd: Client) -> RolloutView:
        phases = (HEALTHY,) if watch else (HEALTHY, "Progressing", "Paused")
        return await cd.rollouts.wait_for(name, *phases, timeout=timeout or None, on_change=tell)

    ended = run(settings, wait)
    if output != "text":
        show(_facts(ended), output)


def _facts(rollout: RolloutView) -> dict[str, object]:
    return {
        "name": rollout.name,
        "namespace": rollout.namespace,
        "phase": rollout.phase,
        "message": rollout.message,
        "revision": rollout.revision,
        "step": rollout.step,
        "steps": len(rollout.steps),
        "weight": rollout.weight,
    }
