"""`python -m rollouts` is the `rollouts` command."""

from rollouts.cli import main

main()
