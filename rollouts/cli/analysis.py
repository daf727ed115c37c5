"""`rollouts analysis`: what an analysis can see, and what it would have said of the past."""

import click

from rollouts.cli.analysis_backtest import backtest
from rollouts.cli.analysis_plan import plan


@click.group(
    epilog="Example: rollouts analysis plan -f rollout.yaml --rps 50 --error-rate 0.01 --detect 0.02"
)
def analysis() -> None:
    """Plan and try out analyses, without a cluster."""


analysis.add_command(plan)
analysis.add_command(backtest)
