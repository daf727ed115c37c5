"""The verbs that change a rollout. Each is one call of the client and one line of what came of it."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import click

from rollouts.cli.options import duration, on_cluster, run
from rollouts.cli.settings import Settings
from rollouts.client import Client

C = TypeVar("C", bound=Callable[..., Any])


def _expecting(command: C) -> C:
    return click.option(
        "--expect-revision",
        type=int,
        metavar="N",
        help="Refuse if the rollout is at another revision than this.",
    )(command)


def _tell(
    settings: Settings, action: Callable[[Client], Coroutine[Any, Any, bool]], done: str, already: str
) -> None:
    click.echo(done if run(settings, action) else already)


@click.command(epilog="Example: rollouts promote shop --full")
@click.argument("name")
@click.option("--full", is_flag=True, help="Skip all steps, pauses and analysis that are left.")
@_expecting
@on_cluster
def promote(name: str, *, full: bool, expect_revision: int | None, settings: Settings) -> None:
    """Go past a pause or the running step, or to the end.

    A rollout that was paused by hand (rollouts pause) is resumed where it stands.
    """
    _tell(
        settings,
        lambda cd: cd.rollouts.promote(name, full=full, expect_revision=expect_revision),
        f"rollout {name} {'fully ' if full else ''}promoted",
        f"rollout {name}: nothing to promote, its newest revision is fully promoted",
    )


@click.command(epilog="Example: rollouts abort shop")
@click.argument("name")
@_expecting
@on_cluster
def abort(name: str, *, expect_revision: int | None, settings: Settings) -> None:
    """Send all traffic back to the stable version."""
    _tell(
        settings,
        lambda cd: cd.rollouts.abort(name, expect_revision=expect_revision),
        f"rollout {name} aborted",
        f"rollout {name} is aborted already",
    )


@click.command(epilog="Example: rollouts retry shop")
@click.argument("name")
@_expecting
@on_cluster
def retry(name: str, *, expect_revision: int | None, settings: Settings) -> None:
    """Start an aborted update again, from its first step."""
    _tell(
        settings,
        lambda cd: cd.rollouts.retry(name, expect_revision=expect_revision),
        f"rollout {name} retried",
        f"rollout {name} is not aborted, there is nothing to retry",
    )


@click.command(epilog="Example: rollouts pause shop")
@click.argument("name")
@_expecting
@on_cluster
def pause(name: str, *, expect_revision: int | None, settings: Settings) -> None:
    """Stop where it is, until promoted."""
    _tell(
        settings,
        lambda cd: cd.rollouts.pause(name, expect_revision=expect_revision),
        f"rollout {name} paused",
        f"rollout {name} is paused already",
    )


@click.command(epilog="Example: rollouts restart shop --in 10m")
@click.argument("name")
@click.option("--in", "after", type=duration, default="0", help="After a while, like 10m; now by default.")
@_expecting
@on_cluster
def restart(name: str, *, after: float, expect_revision: int | None, settings: Settings) -> None:
    """Replace all pods, within the limits of the rollout."""
    _tell(
        settings,
        lambda cd: cd.rollouts.restart(name, after=timedelta(seconds=after), expect_revision=expect_revision),
        f"rollout {name} restarts" + (f" in {after:g} s" if after else ""),
        "",
    )


@click.command(epilog="Example: rollouts undo shop --to-revision 3")
@click.argument("name")
@click.option("--to-revision", type=click.IntRange(min=0), default=0, help="The one before, by default.")
@_expecting
@on_cluster
def undo(name: str, *, to_revision: int, expect_revision: int | None, settings: Settings) -> None:
    """Make an older revision the wanted one again; it arrives by the same steps."""
    what = f"revision {to_revision}" if to_revision else "the revision before"
    _tell(
        settings,
        lambda cd: cd.rollouts.undo(name, to_revision=to_revision, expect_revision=expect_revision),
        f"rollout {name} goes back to {what}",
        f"rollout {name} runs {what} already",
    )


@click.group(name="set", epilog="Example: rollouts set image shop web=example.com/shop:1.1.0")
def set_() -> None:
    """Change the image of a rollout."""


@set_.command(epilog="Example: rollouts set image shop web=example.com/shop:1.1.0")
@click.argument("name")
@click.argument("images", nargs=-1, required=True, metavar="CONTAINER=IMAGE...")
@_expecting
@on_cluster
def image(name: str, images: tuple[str, ...], *, expect_revision: int | None, settings: Settings) -> None:
    """Give containers other images; * stands for all containers."""
    wanted: dict[str, str] = {}
    for text in images:
        container, equals, reference = text.partition("=")
        if not (container and equals and reference):
            raise click.UsageError(f'"{text}" is not CONTAINER=IMAGE')
        wanted[container] = reference
    _tell(
        settings,
        lambda cd: cd.rollouts.set_image(name, wanted, expect_revision=expect_revision),
        f"rollout {name} image updated",
        f"rollout {name} has these images already",
    )


@click.group(epilog="Example: rollouts terminate analysisrun shop-7d4b9c-2-1")
def terminate() -> None:
    """End an analysis run."""


@terminate.command(epilog="Example: rollouts terminate analysisrun shop-7d4b9c-2-1")
@click.argument("name")
@on_cluster
def analysisrun(name: str, *, settings: Settings) -> None:
    """End a run now; what was measured so far decides."""
    _tell(
        settings,
        lambda cd: cd.analysis_runs.terminate(name),
        f"analysisrun {name} terminated",
        f"analysisrun {name} was terminated already",
    )
