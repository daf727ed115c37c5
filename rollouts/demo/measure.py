"""From what was watched and counted to what the report says. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from rollouts.demo.load import Sample
from rollouts.demo.report import Failure, Step
from rollouts.demo.timeline import Moment

# Seconds. A weight reaches Envoy a few milliseconds after its object is written: requests sent just after a
# change are left out, and so are those answered after the next one.
SETTLE = 0.3

_WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


def weights(canary_ingress: Iterable[Moment]) -> Iterator[tuple[float, int]]:
    """When the canary's weight changed, and to what."""
    last: int | None = None
    for moment in canary_ingress:
        weight = weight_of(moment.object)
        if weight != last:
            yield moment.at, weight
            last = weight


def weight_of(canary_ingress: dict[str, Any]) -> int:
    """The weight that a canary Ingress asks for."""
    return int(canary_ingress["metadata"].get("annotations", {}).get(_WEIGHT, "0"))


def steps(
    version: str, changes: Iterable[tuple[float, int]], samples: Iterable[Sample], until: float
) -> tuple[Step, ...]:
    """The share of `version` in the traffic while each weight above 0 was in force."""
    seen = tuple(samples)
    edges = [*changes, (until, -1)]
    return tuple(
        _step(version, weight, seen, at + SETTLE, end)
        for (at, weight), (end, _) in pairwise(edges)
        if weight > 0
    )


def _step(version: str, weight: int, samples: tuple[Sample, ...], since: float, until: float) -> Step:
    answers = [s.version for s in samples if since <= s.sent and s.done <= until]
    share = 100 * answers.count(version) / len(answers) if answers else 0.0
    return Step(version=version, weight=weight, share=share, requests=len(answers))


def failures(samples: Iterable[Sample]) -> tuple[Failure, ...]:
    """Failed requests, by app, version and cause."""
    counts = Counter((s.app, s.version, s.failure) for s in samples if s.failure)
    return tuple(
        Failure(app=app, version=version, cause=cause, requests=n)
        for (app, version, cause), n in sorted(counts.items())
    )


def runs_image(rollout: dict[str, Any], image: str) -> bool:
    """Whether the rollout's template asks for `image`."""
    containers = rollout["spec"]["template"]["spec"]["containers"]
    return any(container["image"] == image for container in containers)


def is_observed(rollout: dict[str, Any], image: str) -> bool:
    """Whether the template asks for `image`, and the status is about that template."""
    observed = rollout.get("status", {}).get("observedGeneration")
    return runs_image(rollout, image) and observed == str(rollout["metadata"]["generation"])


def is_healthy(rollout: dict[str, Any], image: str) -> bool:
    """Whether `image` is what runs, and nothing is left to do."""
    status = rollout.get("status", {})
    promoted = status.get("stableRS") == status.get("currentPodHash")
    return is_observed(rollout, image) and promoted and status.get("phase") == "Healthy"


def is_aborted(rollout: dict[str, Any], image: str) -> bool:
    """Whether the update to `image` was taken back."""
    status = rollout.get("status", {})
    return is_observed(rollout, image) and bool(status.get("abort")) and status.get("phase") == "Degraded"


def is_synced(application: dict[str, Any]) -> bool:
    """Whether the application is what Git says, and healthy."""
    status = application.get("status", {})
    sync, health = status.get("sync", {}), status.get("health", {})
    return (sync.get("status"), health.get("status")) == ("Synced", "Healthy")


def evidence(run: dict[str, Any]) -> dict[str, str]:
    """What the judges of a finished analysis rest on, in a sentence by metric."""
    results = run.get("status", {}).get("metricResults", ())
    return {result["name"]: result.get("evidence", {}).get("reason", "") for result in results}


def compares(run: dict[str, Any]) -> bool:
    """Whether an analysis has ended that compared the canary with stable."""
    status = run.get("status", {})
    judges = {result.get("evidence", {}).get("judge") for result in status.get("metricResults", ())}
    return status.get("phase") in ("Successful", "Failed") and judges == {"sequential"}


def rejection(application: dict[str, Any], revision: str) -> str:
    """What the application says of a rejected revision; empty while it says nothing."""
    status = application.get("status", {})
    rejected = any(
        verdict["revision"] == revision and verdict["phase"] == "Rejected"
        for verdict in status.get("verdicts", ())
    )
    conditions = [c for c in status.get("conditions", ()) if c["type"] == "RevisionRejected"]
    return str(conditions[0]["message"]) if rejected and conditions else ""
