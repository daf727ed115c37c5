"""What has happened so far, as far as it excuses or condemns what happens next."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from tests.simulation.view import POLICIES, View

Human = Literal["", "abort", "full"]


@dataclass(slots=True)
class Past:
    """Facts that one look at the world does not show. Times are seconds of virtual time."""

    doubts: list[tuple[float, float]] = field(default_factory=list)
    """From when to when what the controllers believe may be outdated: their watches or answers are late."""
    awake_since: float = 0.0
    """Since when there are controllers that work."""
    told_at: float = -1.0
    """When a human last wanted something."""
    last_told: Human = ""
    """What that still asks for: an abort, or a full promotion, of the version that was under way."""
    aborted_by_hand: bool = False
    """Whether it was a human who aborted the update that is aborted."""
    moved_at: float = -1.0
    """When somebody other than the controllers last changed where requests go."""
    fell_at: float = -1.0
    """When pods last ceased to serve by themselves."""
    step_since: float = 0.0
    """When the step that status names was reached."""
    compared_at: float = 0.0
    """When a step last asked for a baseline."""
    skew: float = 0.0
    """How far the controllers' clock is ahead."""
    jumped: bool = False
    """Whether it ever jumped."""
    last_ready: dict[str, float] = field(default_factory=dict)
    """When a version last had a pod that takes requests, by hash."""
    condemned: dict[str, tuple[float, Fraction]] = field(default_factory=dict)
    """Versions whose analysis failed, or came to nothing, and the spec does not say to go on in spite of it:
    since when, and the portion that they must not exceed again."""
    failed: set[str] = field(default_factory=set)
    """Every version that ever had an analysis that failed, or came to nothing, by hash."""
    weights: list[tuple[float, Fraction | None]] = field(default_factory=list)
    """The canary's shares in the route, and from when on."""
    released: str = ""
    """The version, by hash, whose pause before the switch of blue/green a human ended."""
    attempts: int = 1
    """How often a human gave reason to begin an analysis anew."""

    def doubt(self, now: float) -> float:
        """The oldest moment that the controllers may still believe in.

        Where nothing hinders them that is now: time does not go on before everybody knows of a change.
        """
        return min((start for start, end in self.doubts if end >= now), default=now)

    def last_doubt(self, now: float) -> float:
        """When the controllers last had reason to believe in what is outdated; 0 if never."""
        return max((min(end, now) for start, end in self.doubts if start <= now), default=0.0)

    def intent(self, now: float, *, anew: bool) -> None:
        """A human wants something; `anew` if it is about the update itself."""
        self.told_at = now
        self.attempts += 1
        if anew:
            self.condemned.clear()

    def note(self, before: View, after: View) -> None:
        """Take notice of a change."""
        now = after.now
        for pod_hash, count in after.ready.items():
            if count:
                self.last_ready[pod_hash] = now
        for pod_hash, count in before.ready.items():
            if count:
                self.last_ready[pod_hash] = now
            if after.ready.get(pod_hash, 0) < count and _not_asked_for(after, pod_hash):
                self.fell_at = now
        if not after.author and (before.selectors != after.selectors or before.weight != after.weight):
            self.moved_at = now
        if before.weight != after.weight or not self.weights:
            self.weights.append((now, after.weight))
        if bool(before.status.get("abort")) != bool(after.status.get("abort")):
            self.aborted_by_hand = bool(after.status.get("abort")) and not after.author
        self._release(before, after)
        self._step(before, after)
        self._condemn(before, after)

    def _release(self, before: View, after: View) -> None:
        had, has = ("BlueGreenPause" in view.pauses for view in (before, after))
        if has and not had:
            self.released = ""
        elif had and not has and not after.author:
            self.released = after.current

    def _step(self, before: View, after: View) -> None:
        if (before.index, before.current) != (after.index, after.current):
            self.step_since = after.now
        if before.compares or after.compares:
            self.compared_at = after.now

    def shown(self, now: float) -> set[Fraction | None]:
        """The weights that the controllers may have seen in the route."""
        since = self.doubt(now)
        found: set[Fraction | None] = set()
        for start, weight in self.weights:
            if start < since:
                found.clear()  # a later one has replaced it by then
            found.add(weight)
        return found

    def _condemn(self, before: View, after: View) -> None:
        if before.runs is not after.runs:
            named = _named(after)
            known = {run.name for run in before.runs if run.phase in POLICIES}
            for run in after.runs:
                if run.phase not in POLICIES or run.name in known:
                    continue
                self.failed.add(run.hash)
                if run.name not in named or after.outcome(run) == "continue":
                    continue
                underway = run.hash == after.current != after.stable and after.observed
                at_step = run.type != "Step" or run.step == str(after.index)
                if underway and at_step and not after.status.get("promoteFull"):
                    self.condemned[run.hash] = (after.now, portion(after, run.hash))
        for pod_hash, (since, limit) in self.condemned.items():
            now = portion(after, pod_hash)
            may_not_know = since >= self.doubt(after.now)
            self.condemned[pod_hash] = (since, max(limit, now) if may_not_know else min(limit, now))


def portion(view: View, pod_hash: str) -> Fraction:
    """How much of the traffic the controllers give a version; where versions share it, how many pods."""
    if view.shares or view.selectors.get(view.front) == "":
        each = view.of(pod_hash)
        return Fraction(each.replicas if each is not None else 0)
    return view.reach.get(pod_hash, Fraction(0))


def _named(view: View) -> set[str]:
    """The runs that status names."""
    canary, blue_green = view.status.get("canary") or {}, view.status.get("blueGreen") or {}
    refs = (
        canary.get("currentStepAnalysisRunStatus"),
        canary.get("currentBackgroundAnalysisRunStatus"),
        blue_green.get("prePromotionAnalysisRunStatus"),
        blue_green.get("postPromotionAnalysisRunStatus"),
    )
    return {ref["name"] for ref in refs if ref}


def _not_asked_for(view: View, pod_hash: str) -> bool:
    """Whether a version has fewer pods that serve than it should, which its size does not explain."""
    each = view.of(pod_hash)
    return not view.author and each is not None and view.ready.get(pod_hash, 0) < each.replicas
