"""`rollouts app`: the verbs of an application."""

import click

from rollouts.cli.app.change import create, delete, rollback, sync, wait
from rollouts.cli.app.diff import diff
from rollouts.cli.app.read import get, history, list_


@click.group(epilog="Example: rollouts app get shop")
def app() -> None:
    """Create, sync and look at applications: folders of Git that a namespace must match."""


for _command in (create, list_, get, diff, sync, wait, history, rollback, delete):
    app.add_command(_command)
