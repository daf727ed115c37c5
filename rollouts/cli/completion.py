"""`rollouts completion`."""

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="Example: rollouts completion bash > ~/.local/share/bash-completion/completions/rollouts"
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell's completion script."""
    maker = get_completion_class(shell)
    if maker is None:
        raise click.ClickException(f"there is no completion for {shell}")
    root = ctx.find_root()
    program = root.info_name or "rollouts"
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    click.echo(maker(root.command, {}, program, variable).source())
