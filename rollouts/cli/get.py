"""`rollouts get`."""

import sys
from collections.abc import Callable
from contextlib import aclosing, suppress

import click

from rollouts.api.meta import Object
from rollouts.cli.options import on_cluster, run, show, with_output
from rollouts.cli.settings import Settings
from rollouts.cli.tree import tree
from rollouts.cli.tree.draw import draw
from rollouts.cli.tree.icons import colour
from rollouts.cli.tree.nodes import run_node
from rollouts.client import Client

_CLEAR = "\x1b[H\x1b[2J"
_ROLLOUT, _RUN = ("rollout", "rollouts", "ro"), ("analysisrun", "analysisruns", "ar")


@click.command(epilog="Example: rollouts get shop --watch")
@click.argument("what", nargs=-1, metavar="[rollout|analysisrun] NAME")
@click.option("-w", "--watch", is_flag=True, help="Draw it again after every change, until interrupted.")
@click.option("--no-color", is_flag=True, help="No colours and no redrawing in place, as without a terminal.")
@with_output
@on_cluster
def get(what: tuple[str, ...], *, watch: bool, no_color: bool, output: str, settings: Settings) -> None:
    """Show a rollout as a tree: steps and weights, revisions, replica sets, pods, analysis.

    ⟳ rollout, # revision, ⧉ replica set, □ pod, α analysis run.
    """  # noqa: RUF002 (the sign is meant)
    kind, name = _parse(what)
    if watch and (kind != "rollout" or output != "text"):
        raise click.UsageError("--watch draws the tree of a rollout; it goes neither with runs nor --output")
    if output != "text":
        show(run(settings, lambda cd: _raw(cd, kind, name)), output)
        return
    plain = no_color or not sys.stdout.isatty()
    with suppress(KeyboardInterrupt):  # that is how a watch ends
        run(settings, lambda cd: _draw(cd, kind, name, live=watch, plain=plain))


def _parse(what: tuple[str, ...]) -> tuple[str, str]:
    if len(what) == 2 and what[0] in _ROLLOUT:
        return "rollout", what[1]
    if len(what) == 2 and what[0] in _RUN:
        return "analysisrun", what[1]
    if what and what[0] in ("experiment", "experiments", "exp"):
        raise click.UsageError(
            "experiments are refused by this version of the engine; there are none to show"
        )
    if len(what) == 2:
        raise click.UsageError(f'"{what[0]}" is no kind to show; write: rollouts get rollout {what[1]}')
    if len(what) != 1 or what[0] in (*_ROLLOUT, *_RUN):
        raise click.UsageError("name one rollout, like: rollouts get shop")
    return "rollout", what[0]


async def _raw(cd: Client, kind: str, name: str) -> Object:
    if kind == "analysisrun":
        return await cd.analysis_runs.raw(name)
    return (await cd.rollouts.get(name)).raw


async def _draw(cd: Client, kind: str, name: str, *, live: bool, plain: bool) -> None:
    def paint(text: str) -> str:
        return text if plain else colour(text)

    if kind == "analysisrun":
        click.echo(paint(draw(run_node(await cd.analysis_runs.raw(name), cd.clock()))))
    elif not live:
        click.echo(paint(tree(await cd.rollouts.family(name), cd.clock())))
    else:
        await _redraw(cd, name, paint, in_place=not plain)


async def _redraw(cd: Client, name: str, paint: Callable[[str], str], *, in_place: bool) -> None:
    """In place on a terminal; else one tree after another, and only where more than ages changed."""
    last: tuple[Object, ...] = ()
    async with aclosing(cd.rollouts.watch_family(name)) as states:
        async for objects in states:
            text = paint(tree(objects, cd.clock()))
            if in_place:
                click.echo(f"{_CLEAR}{text}")  # in one write, so that it does not flicker
            elif objects != last:
                click.echo(f"\n{text}" if last else text)
            last = objects
