"""Help: quick to load, and with an example for every command."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from rollouts.cli import COMMANDS, cli


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that there is, with the words that call it."""

    def below(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield words, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from below(f"{words} {name}", found)

    return below("rollouts", cli)


ALL = dict(commands())


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_an_example_that_calls_it(words: str) -> None:
    command = ALL[words]
    assert command.help
    example = command.epilog or ""
    assert example.startswith("Example: ")
    assert "rollouts" in example if words == "rollouts" else words in example


@pytest.mark.parametrize("words", ALL)
def test_every_option_says_what_it_does(words: str) -> None:
    for parameter in ALL[words].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_overview_is_about_the_command_that_it_loads(name: str) -> None:
    """The overview is read without loading the commands, so it has words of its own."""
    assert ALL[f"rollouts {name}"].name == name
    assert COMMANDS[name][1].endswith(".")


def test_help_loads_nothing_that_is_slow_to_load() -> None:
    program = (
        "import sys; from rollouts.cli import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'kubernetes', 'aiohttp', 'pydantic', 'numpy', 'yaml', 'asyncio', 'httpx', 'pygit2'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Commands:" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str) -> None:
    program = f"from rollouts.cli import cli; cli.main(['completion', '{shell}'], prog_name='rollouts')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "_ROLLOUTS_COMPLETE" in done.stdout
