"""`rollouts controller`: run the engine against any cluster, here or in a pod."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from rollouts.api.duration import parse_duration

F = TypeVar("F", bound=Callable[..., Any])


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _port(name: str, default: int, what: str) -> Callable[[F], F]:
    text = f"{what}; 0 turns it off."
    return click.option(name, type=click.IntRange(0, 65535), default=default, show_default=True, help=text)


@click.command(epilog="Example: rollouts controller --kubeconfig ~/.kube/config --namespace shop")
@click.option(
    "--kubeconfig", metavar="FILE", help="By default $KUBECONFIG, the embedded cluster, or the pod's."
)
@click.option("--context", metavar="NAME", help="The context of the kubeconfig.")
@click.option(
    "-n", "--namespace", metavar="NAME", default="", help="The only namespace to look at; else all."
)
@click.option(
    "--instance-id",
    metavar="ID",
    default="",
    help="Only objects with the label argo-rollouts.argoproj.io/controller-instance-id=ID.",
)
@_port("--metrics-port", 8090, "Prometheus metrics at /metrics")
@_port("--health-port", 8080, "/healthz and /readyz")
@_port("--webhook-port", 0, "Where Git servers announce pushes")
@click.option(
    "--listen",
    "address",
    metavar="IP",
    default="",
    help="What the ports bind to; loopback, and in a pod all addresses.",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=None,
    help="Work only while holding a Lease; by default in a pod.",
)
@click.option(
    "--leader-election-lease-duration",
    type=_Duration(),
    default="15s",
    show_default=True,
    help="Another may take the lease when it was not renewed for so long.",
)
@click.option(
    "--leader-election-renew-deadline",
    type=_Duration(),
    default="10s",
    show_default=True,
    help="The leader stops when it could not renew the lease for so long.",
)
@click.option(
    "--leader-election-retry-period",
    type=_Duration(),
    default="2s",
    show_default=True,
    help="Between two tries to take or to renew the lease.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How a line of the log is written.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged: this and all that is graver.",
)
@click.option(
    "--git-poll-interval",
    type=_Duration(),
    default="3m",
    show_default=True,
    help="How often repositories are asked for new commits.",
)
@click.option(
    "--rollout-resync",
    type=_Duration(),
    default="15m",
    show_default=True,
    help="In which time everything is looked at again, whatever the watches said.",
)
def controller(kubeconfig: str | None, **options: Any) -> None:
    """Run the engine until it is told to stop."""
    # Imported here: they load the Kubernetes client, which `--help` must not wait for.
    from rollouts.client.kubeconfig import choose  # noqa: PLC0415
    from rollouts.controller import logs  # noqa: PLC0415
    from rollouts.controller.settings import Settings  # noqa: PLC0415
    from rollouts.kube.lease import Timing  # noqa: PLC0415
    from rollouts.server.run import run  # noqa: PLC0415

    lease = Timing(
        duration=options.pop("leader_election_lease_duration"),
        renew_deadline=options.pop("leader_election_renew_deadline"),
        retry_period=options.pop("leader_election_retry_period"),
    )
    settings = Settings(kubeconfig=choose(kubeconfig), lease=lease, **options)
    logs.configure(settings.log_format, settings.log_level)
    try:
        asyncio.run(run(settings))
    except OSError as error:
        raise click.ClickException(f"a port cannot be opened: {error.strerror or error}") from error
