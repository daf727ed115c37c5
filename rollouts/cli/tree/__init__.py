"""A rollout and all that belongs to it, drawn as text. Pure: objects and a moment in, text out."""

from collections.abc import Iterable
from datetime import datetime

from rollouts.api.meta import Object
from rollouts.cli.tree.draw import draw
from rollouts.cli.tree.family import Family
from rollouts.cli.tree.header import header
from rollouts.cli.tree.nodes import root
from rollouts.cli.tree.steps import steps


def tree(objects: Iterable[Object], now: datetime) -> str:
    """Draw a Rollout with its ReplicaSets, Pods and AnalysisRuns.

    Exactly one of the objects is the Rollout; the others are told apart by `kind`, and what belongs to no
    revision of the rollout is left out.
    """
    family = Family.of(objects)
    parts = [header(family), steps(family, now), draw(root(family, now))]
    return "\n\n".join(part for part in parts if part)
