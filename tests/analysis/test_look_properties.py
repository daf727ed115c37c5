"""What must never happen, whatever judges, answers and kills come together.

The world counts seven requests of the canary each second. A source answers for the time since the newest look
that was written down; it may also answer again what it answered before, with nothing, or not at all. The
controller may be killed before it writes.
"""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.judgement import COMPLETED
from analysis.looks import conclude
from analysis.run import plan, record, resolved
from analysis.values import encode
from rollouts.api.analysis import AnalysisRun, Measurement
from tests.analysis.runs import T0, at, run_of

JUDGES: dict[str, dict[str, Any]] = {
    "threshold": {"successCondition": "result >= 0.9"},
    "consecutive": {"judge": {"consecutive": {"min": 0.9, "threshold": 2}}},
    "kayenta": {"judge": {"kayenta": {}}},
    "sequential": {"judge": {"sequential": {}}},
}
ANSWERS = st.sampled_from(["good", "bad", "again", "late", "nothing", "few", "nonsense", "error", "killed"])


@dataclass
class World:
    """One metric, its source, and the windows that its judge was told of."""

    kind: str
    run: AnalysisRun
    now: float = 0.0
    told: list[Measurement] = field(default_factory=list)
    counted: list[tuple[datetime, datetime]] = field(default_factory=list)

    def answer(self, how: str) -> Measurement:
        """What the source says now."""
        now = at(self.now)
        if how == "error":
            return Measurement(phase="Error", message="refused", started_at=now, finished_at=now)
        if how in ("again", "late") and self.told:
            return self.told[-1 if how == "again" else 0].model_copy(update={"finished_at": now})
        taken = Measurement(
            value=encode(self._value(how)),
            started_at=now,
            finished_at=now,
            metadata={"from": self._since().isoformat(), "at": now.isoformat()},
        )
        self.told.append(taken)
        return taken

    def _since(self) -> datetime:
        """Where the newest look that was written down ends."""
        written = [each for result in self.run.status.metric_results for each in result.measurements]
        ends = [each.metadata["at"] for each in written if "at" in each.metadata]
        return max((datetime.fromisoformat(end) for end in ends), default=T0)

    def _value(self, how: str) -> Any:
        if how in ("nothing", "nonsense"):
            return None if how == "nothing" else {"what": "is this"}
        requests = 7 * (at(self.now) - self._since()).total_seconds()
        match self.kind:
            case "sequential":
                few, errors = how == "few", requests / 2 if how == "bad" else 0
                stable = {"requests": 9 * requests, "errors": 0}
                return {"canary": {"requests": 0 if few else requests, "errors": errors}, "stable": stable}
            case "kayenta":
                canary = [] if how == "few" else [float(x + (50 if how == "bad" else 0)) for x in range(10)]
                return {"canary": canary, "stable": [float(x) for x in range(10)]}
        return {"good": 0.99, "bad": 0.1, "few": []}.get(how, 0.99)

    def look(self, how: str) -> bool:
        """One pass of the controller; whether it wrote."""
        now = at(self.now)
        first = plan(self.run, now)
        run = self.run.model_copy(update={"status": first.status})
        told, windows = list(self.told), []
        for task in first.tasks:
            (metric,) = resolved(run)
            judged = conclude(run, metric, self.answer(how), now)
            run = record(run, task.metric, judged)
            measured = judged.measurement
            if measured.phase in ("Successful", "Failed") and "at" in measured.metadata:
                names = ("from", "at")
                begin, end = (datetime.fromisoformat(measured.metadata[name]) for name in names)
                windows.append((begin, end))
        if how == "killed":
            self.told = told
            return False
        self.run = run.model_copy(update={"status": plan(run, now).status})
        self.counted += windows
        return True


@st.composite
def worlds(draw: st.DrawFn) -> World:
    kind = draw(st.sampled_from(sorted(JUDGES)))
    metric: dict[str, Any] = {"name": "m", "interval": draw(st.sampled_from(["5s", "60s"])), **JUDGES[kind]}
    metric["count"] = draw(st.integers(1, 6))
    policies = {
        "onNoData": ["wait"] if kind == "kayenta" else ["wait", "inconclusive", "fail"],
        "warmUp": ["0s", "2m"],
        "startOn": ["stepStart", "firstTraffic", "podsReady"],
        "initialDelay": ["30s"],
        "minSamples": [1] if kind in ("threshold", "consecutive") else [1, 5],
    }
    for name, choices in policies.items():
        if draw(st.booleans()):
            metric[name] = draw(st.sampled_from(choices))
    spec: dict[str, Any] = {}
    if draw(st.booleans()):
        spec["milestones"] = {"podsReady": "2026-01-31T12:00:20Z", "firstTraffic": "2026-01-31T12:00:40Z"}
    return World(kind=kind, run=run_of(metric, **spec))


def to_the_end(world: World, hows: list[str]) -> None:
    """Pass by pass, at the times that the plans ask for; the answers come round again."""
    for number in range(600):
        wrote = world.look(hows[number % len(hows)])
        status = world.run.status
        if status.phase in COMPLETED:
            return
        later = plan(world.run, at(world.now)).requeue_after
        assert later is not None or not wrote, "it is not over and never comes back"
        world.now += max(later.total_seconds(), 0.001) if wrote and later is not None else 1.0
    raise AssertionError(f"it does not end: {status}")


HOWS = st.lists(ANSWERS, min_size=1, max_size=8)


@settings(max_examples=80, deadline=None)
@given(world=worlds(), hows=HOWS)
def test_a_run_with_a_count_ends_whatever_is_measured_and_however_often_the_controller_is_killed(world, hows):
    to_the_end(world, [*hows, "good"] if set(hows) == {"killed"} else hows)
    assert world.run.status.completed_at is not None


@settings(max_examples=80, deadline=None)
@given(world=worlds(), hows=HOWS)
def test_no_run_succeeds_without_a_value_that_was_judged_good(world, hows):
    to_the_end(world, [*hows, "nothing"])
    status = world.run.status
    if status.phase == "Successful":
        (result,) = status.metric_results
        assert result.successful > 0
        assert world.counted
        assert {"good", "again", "late"} & set(hows)


@settings(max_examples=80, deadline=None)
@given(world=worlds(), hows=HOWS)
def test_no_look_is_counted_twice_and_what_is_counted_is_what_the_evidence_says(world, hows):
    to_the_end(world, [*hows, "good"])
    if world.kind != "sequential":
        return
    windows = sorted(world.counted)
    assert all(before[1] <= after[0] for before, after in pairwise(windows))
    requests = sum(7 * (end - begin).total_seconds() for begin, end in windows)
    (result,) = world.run.status.metric_results
    told = result.evidence.canary.requests if result.evidence and result.evidence.canary else 0
    assert abs(told - requests) < 1e-6 * max(requests, 1)
    assert result.metadata.get("judge", "") == "" or result.evidence.looks == len(windows)


@settings(max_examples=60, deadline=None)
@given(world=worlds(), hows=HOWS)
def test_counts_only_grow_and_add_up_with_every_judge(world, hows):
    for how in hows:
        before = {result.name: result for result in world.run.status.metric_results}
        world.look(how)
        for after in world.run.status.metric_results:
            assert after.count == after.successful + after.failed + after.inconclusive
            known = before.get(after.name)
            names = ("count", "successful", "failed", "inconclusive", "error")
            assert known is None or all(getattr(after, name) >= getattr(known, name) for name in names)
        world.now += 61
