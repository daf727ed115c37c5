"""The commands that change an application, or wait for one."""

import sys
from collections.abc import Callable

import click

from rollouts.cli.app.text import result_table
from rollouts.cli.options import duration, on_cluster, run
from rollouts.cli.settings import Settings
from rollouts.client import ApplicationView, NewApplication
from rollouts.client.application_view import RUNNING


@click.command(
    epilog="Example: rollouts app create shop --repo https://git.example.com/gitops.git --path shop "
    "--dest-namespace shop --sync-policy automated --auto-prune --self-heal"
)
@click.argument("name")
@click.option("--repo", required=True, metavar="URL", help="The Git repository.")
@click.option("--path", default=".", show_default=True, help="The folder in the repository.")
@click.option("--revision", default="HEAD", show_default=True, help="A branch, a tag or a commit.")
@click.option("--dest-namespace", required=True, metavar="NAME", help="Where the resources go.")
@click.option("--project", default="default", show_default=True, help="The project that it belongs to.")
@click.option(
    "--sync-policy",
    type=click.Choice(("none", "manual", "automated")),
    default="none",
    show_default=True,
    help="Whether it syncs by itself.",
)
@click.option("--auto-prune", is_flag=True, help="Automated sync also deletes what Git no longer has.")
@click.option("--self-heal", is_flag=True, help="Automated sync also undoes changes made in the cluster.")
@click.option("--sync-option", "sync_options", multiple=True, metavar="NAME=VALUE", help="More than once.")
@on_cluster
def create(
    name: str,
    *,
    repo: str,
    path: str,
    revision: str,
    dest_namespace: str,
    project: str,
    sync_policy: str,
    auto_prune: bool,
    self_heal: bool,
    sync_options: tuple[str, ...],
    settings: Settings,
) -> None:
    """Create an application."""
    new = NewApplication(
        name=name,
        repo=repo,
        path=path,
        revision=revision,
        dest_namespace=dest_namespace,
        project=project,
        automated=sync_policy == "automated",
        prune=auto_prune,
        self_heal=self_heal,
        sync_options=sync_options,
    )
    made = run(settings, lambda cd: cd.applications.create(new))
    click.echo(f"application {made.namespace}/{made.name} created")


@click.command(epilog="Example: rollouts app sync shop --prune --timeout 5m")
@click.argument("name")
@click.option("--revision", default="", help="Instead of the application's own target revision.")
@click.option("--prune", is_flag=True, help="Delete what Git no longer has.")
@click.option("--dry-run", is_flag=True, help="Ask the cluster what would happen, and change nothing.")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    metavar="GROUP:KIND:NAME",
    help="Only this; the name may be NAMESPACE/NAME. More than once.",
)
@click.option("--async", "leave", is_flag=True, help="Do not wait until it is done.")
@click.option("-t", "--timeout", type=duration, help="Stop waiting after this long, like 5m.")
@on_cluster
def sync(
    name: str,
    *,
    revision: str,
    prune: bool,
    dry_run: bool,
    resources: tuple[str, ...],
    leave: bool,
    timeout: float | None,
    settings: Settings,
) -> None:
    """Make the cluster what Git says, and wait until that is done."""
    done = run(
        settings,
        lambda cd: cd.applications.sync(
            name,
            revision=revision,
            prune=prune,
            dry_run=dry_run,
            resources=resources,
            wait=not leave,
            timeout=timeout,
            on_change=_teller(),
        ),
    )
    _tell_operation(done, leave=leave)


@click.command(epilog="Example: rollouts app rollback shop 4")
@click.argument("name")
@click.argument("id", type=int, required=False)
@click.option("--prune", is_flag=True, help="Delete what that revision does not have.")
@click.option("--async", "leave", is_flag=True, help="Do not wait until it is done.")
@click.option("-t", "--timeout", type=duration, help="Stop waiting after this long, like 5m.")
@on_cluster
def rollback(
    name: str, id: int | None, *, prune: bool, leave: bool, timeout: float | None, settings: Settings
) -> None:
    """Go back to a deployment of the history; without ID, to the one before the last.

    The IDs are those of: rollouts app history NAME. Automated sync stays on and holds that revision until
    there is another commit, or another sync.
    """
    done = run(
        settings,
        lambda cd: cd.applications.rollback(
            name, id, prune=prune, wait=not leave, timeout=timeout, on_change=_teller()
        ),
    )
    _tell_operation(done, leave=leave)


@click.command(epilog="Example: rollouts app wait shop --health --timeout 10m")
@click.argument("name")
@click.option("--sync", "synced", is_flag=True, help="Until it is Synced.")
@click.option("--health", is_flag=True, help="Until it is Healthy.")
@click.option("--operation", is_flag=True, help="Until no sync is under way.")
@click.option("-t", "--timeout", type=duration, help="Stop waiting after this long, like 10m.")
@on_cluster
def wait(
    name: str, *, synced: bool, health: bool, operation: bool, timeout: float | None, settings: Settings
) -> None:
    """Wait until an application is Synced, Healthy and done with its sync, or what is asked of these.

    Exit codes: 3 if the revision is rejected, 4 if it was not so within --timeout.
    """
    everything = not (synced or health or operation)
    run(
        settings,
        lambda cd: cd.applications.wait(
            name,
            sync=synced or everything,
            health=health or everything,
            operation=operation or everything,
            timeout=timeout,
            on_change=_teller(),
        ),
    )


@click.command(epilog="Example: rollouts app delete shop --no-cascade")
@click.argument("name")
@click.option("--cascade/--no-cascade", default=True, show_default=True, help="Delete its resources too.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, which is only done on a terminal.")
@click.option("--async", "leave", is_flag=True, help="Do not wait until it is gone.")
@click.option("-t", "--timeout", type=duration, help="Stop waiting after this long, like 5m.")
@on_cluster
def delete(
    name: str, *, cascade: bool, yes: bool, leave: bool, timeout: float | None, settings: Settings
) -> None:
    """Delete an application, and with it what it deployed."""
    if not yes and sys.stdin.isatty():
        what = "and all its resources" if cascade else "and leave its resources"
        click.confirm(f"Delete application {name} {what}?", abort=True)
    run(
        settings,
        lambda cd: cd.applications.delete(name, cascade=cascade, wait=not leave, timeout=timeout),
    )
    click.echo(f"application {name} {'is being deleted' if leave else 'deleted'}")


def _teller() -> Callable[[ApplicationView], None]:
    """Tell each new state once."""
    told: list[str] = []

    def tell(seen: ApplicationView) -> None:
        last = seen.operation
        doing = ""
        if last is not None and last.phase in RUNNING:
            doing = f"sync {last.phase}: {last.message}; "
        elif seen.operating:
            doing = "sync asked for; "
        line = doing + seen.sentence
        if told[-1:] != [line]:
            told.append(line)
            click.echo(line, err=True)

    return tell


def _tell_operation(done: ApplicationView, *, leave: bool) -> None:
    if leave:
        click.echo(f"application {done.name}: sync asked for")
        return
    last = done.operation
    if last is None:
        click.echo(f"application {done.name}: {done.sentence}")
        return
    if last.resources:
        click.echo(result_table(last.resources))
    click.echo(f"application {done.name}: sync {last.phase} to {last.revision[:7] or '-'}: {last.message}")
