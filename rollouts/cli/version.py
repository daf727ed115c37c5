"""`rollouts version`."""

import platform

import click

from rollouts import __version__
from rollouts.cli.options import show, with_output


@click.command(epilog="Example: rollouts version --output json")
@with_output
def version(*, output: str) -> None:
    """Print the version."""
    if output == "text":
        click.echo(f"rollouts {__version__}")
        return
    machine = f"{platform.system().lower()}/{platform.machine()}"
    show({"version": __version__, "python": platform.python_version(), "platform": machine}, output)
