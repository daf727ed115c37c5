"""The `rollouts` command, also installed as `kubectl-rollouts`.

This file loads click and nothing else: each command lives in a module of its own that is imported when the
command is called. `rollouts --help` reads the table below.
"""

import difflib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from rollouts.api.errors import RolloutsError
from rollouts.cli.settings import Settings

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("rollouts.cli.demo:demo", "Show the main job on an embedded cluster with real traffic."),
    "cluster": ("rollouts.cli.cluster:cluster", "Start and stop the embedded cluster."),
    "controller": ("rollouts.cli.controller:controller", "Run the engine."),
    "crds": ("rollouts.cli.crds:crds", "Print the resource definitions."),
    "get": ("rollouts.cli.get:get", "Show a rollout as a tree."),
    "list": ("rollouts.cli.listing:list_", "List rollouts."),
    "status": ("rollouts.cli.status:status", "Wait for a rollout; the exit code says how it ended."),
    "promote": ("rollouts.cli.verbs:promote", "Go past a pause, or to the end."),
    "abort": ("rollouts.cli.verbs:abort", "Send all traffic back to the stable version."),
    "retry": ("rollouts.cli.verbs:retry", "Start an aborted update again."),
    "undo": ("rollouts.cli.verbs:undo", "Go back to an older revision."),
    "pause": ("rollouts.cli.verbs:pause", "Stop where it is, until promoted."),
    "restart": ("rollouts.cli.verbs:restart", "Replace all pods."),
    "set": ("rollouts.cli.verbs:set_", "Change the image of a rollout."),
    "terminate": ("rollouts.cli.verbs:terminate", "End an analysis run."),
    "lint": ("rollouts.cli.lint:lint", "Find what the engine would refuse, before you commit."),
    "analysis": ("rollouts.cli.analysis:analysis", "Plan and try out analyses."),
    "app": ("rollouts.cli.app:app", "Create, sync and look at applications."),
    "completion": ("rollouts.cli.completion:completion", "Print a shell's completion script."),
    "version": ("rollouts.cli.version:version", "Print the version."),
}
"""Where each command is, and its line in the help."""


class Root(click.Group):
    """Imports a command when it is called; one line and an exit code for every error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else "; see: rollouts --help"
            raise click.UsageError(f'there is no command "{args[0]}"{hint}')
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run a command line and exit.

        0 healthy or done, 1 error, 2 usage, 3 aborted or degraded, 4 timeout, 5 forbidden.
        """
        extra["standalone_mode"] = False
        try:
            code = super().main(args, *rest, **extra)
        except click.Abort:
            _fail("interrupted", 1)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        except click.UsageError as error:
            _fail(_usage(error), 2)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except RolloutsError as error:
            errors = importlib.import_module("rollouts.cli.errors")
            _fail(errors.sentence(error), errors.exit_code(error))
        sys.exit(code if isinstance(code, int) else 0)


def _usage(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "rollouts"
    message = error.format_message().rstrip(".")
    helped = message.endswith("?") or "--help" in message
    return message if helped else f"{message}; see: {path} --help"


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(code)


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: rollouts get shop --namespace web --watch",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path),
    help="The cluster; by default $KUBECONFIG, the embedded cluster, ~/.kube/config, or this pod's.",
)
@click.option("--context", "context_name", metavar="NAME", help="The context of the kubeconfig.")
@click.option("-n", "--namespace", metavar="NAME", help="The namespace; by default the context's.")
@click.pass_context
def cli(ctx: click.Context, kubeconfig: Path | None, context_name: str | None, namespace: str | None) -> None:
    """Progressive delivery for Kubernetes: Git-driven sync, rolling, blue/green and canary."""
    given = {"kubeconfig": kubeconfig, "context": context_name, "namespace": namespace}
    said = {name: value for name, value in given.items() if value}
    ctx.obj = (ctx.obj if isinstance(ctx.obj, Settings) else Settings()).override(**said)
    # A command with options of its own of these names (cluster, controller) takes them as its defaults.
    ctx.default_map = {name: {k: str(v) for k, v in said.items()} for name in ("cluster", "controller")}


def main() -> None:
    """Run the command line of this process."""
    called = Path(sys.argv[0]).name
    cli.main(prog_name=called if called.startswith("kubectl-") else "rollouts")
