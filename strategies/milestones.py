"""What metrics wait for before their clock starts: told to the runs under way, once, as soon as it is seen.

Runs whose metrics wait for nothing cost no write.
"""

from datetime import datetime

from strategies import analyses
from strategies.model import Milestone, Observed, RunType, SetMilestone
from strategies.revisions import FINISHED


def reached(
    seen: Observed, kind: RunType, now: datetime, *, pods_ready: bool, traffic: bool
) -> tuple[SetMilestone, ...]:
    """Tell the run of a kind that status names what it waits for and what has come about.

    Args:
        seen: the rollout, with its runs.
        kind: whose run it is about.
        now: when it was seen; a run that starts later than the traffic is told of it when it starts.
        pods_ready: the pods that are wanted of the version, and of what it is compared with, are available.
        traffic: the version gets a share of the requests.
    """
    came: dict[Milestone, bool] = {"podsReady": pods_ready, "firstTraffic": traffic}
    return tuple(
        SetMilestone(name=run.name, milestone=milestone, at=now.replace(microsecond=0))
        for _, run in analyses.runs_named(seen, (kind,))
        if run.phase not in FINISHED and not run.terminated
        for milestone, true in came.items()
        if true and milestone in run.awaits
    )
