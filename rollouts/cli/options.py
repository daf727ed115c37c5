"""What commands have in common: where the cluster is, how to print, and how to run a coroutine on it."""

import asyncio
import functools
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

from rollouts.cli.settings import Settings
from rollouts.client import Client
from rollouts.client.verbs import seconds

T = TypeVar("T")


def duration(text: str) -> float:
    """Read an option such as 90s, 10m or 1h30m into seconds; a bare number is seconds."""
    try:
        limit = float(text) if text.replace(".", "", 1).isdigit() else seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if limit < 0:
        raise click.BadParameter(f'"{text}" is below zero')
    return limit


def on_cluster(command: Callable[..., T]) -> Callable[..., T]:
    """Add --kubeconfig, --context and --namespace, and pass what they and the root's say as `settings`."""

    @click.option("--kubeconfig", type=click.Path(path_type=Path), help="The cluster.")
    @click.option("--context", "context_name", metavar="NAME", help="The context of the kubeconfig.")
    @click.option("-n", "--namespace", metavar="NAME", help="The namespace.")
    @click.pass_context
    @functools.wraps(command)
    def wrapped(ctx: click.Context, /, *args: Any, **values: Any) -> Any:
        before = ctx.find_object(Settings) or Settings()
        settings = before.override(
            kubeconfig=values.pop("kubeconfig"),
            context=values.pop("context_name"),
            namespace=values.pop("namespace"),
        )
        return ctx.invoke(command, *args, settings=settings, **values)

    return wrapped


def with_output(command: Callable[..., T]) -> Callable[..., T]:
    """Add --output."""
    kinds = click.Choice(("text", "json", "yaml"))
    return click.option("-o", "--output", type=kinds, default="text", help="text, json or yaml.")(command)


def run(settings: Settings, action: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    """Connect, do it, and give the connection back."""

    async def connected() -> T:
        async with Client.connect(
            kubeconfig=settings.kubeconfig,
            context=settings.context,
            namespace=settings.namespace or "",
            transport=settings.transport,
        ) as cd:
            return await action(cd)

    return asyncio.run(connected())


def show(value: Any, output: str) -> None:
    """Print a value for machines."""
    if output == "json":
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip())


def list_of(items: list[Any]) -> dict[str, Any]:
    """Many objects as one, as kubectl prints them."""
    return {"apiVersion": "v1", "kind": "List", "items": items}
