"""A tiny world for plans: it does what they say, a little later, and shows it again."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.meta import parse_time
from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import RolloutStatus
from rollouts.api.weights import Weights
from strategies import plan, safety
from strategies.affinity import beside_stable
from strategies.ephemeral import ANNOTATION as EPHEMERAL
from strategies.model import (
    Action,
    AnalysisRun,
    AnnotateReplicaSet,
    CreateBaseline,
    CreateReplicaSet,
    CreateService,
    DeleteAnalysis,
    DeleteReplicaSet,
    DeleteService,
    EvictPod,
    Observed,
    Plan,
    Pod,
    ReplicaSet,
    ScaleReplicaSet,
    Service,
    SetAffinity,
    SetMilestone,
    SetMinReady,
    SetPodMetadata,
    SetReplicas,
    SetRevision,
    SetWeight,
    StartAnalysis,
    SwitchService,
    TerminateAnalysis,
)
from strategies.revisions import REVISION, SCALE_DOWN_DEADLINE, current_hash

START = datetime(2026, 1, 1, tzinfo=UTC)


def template(version: str) -> dict[str, Any]:
    """A pod template whose image tells the version."""
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": f"web:{version}"}]},
    }


def canary(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A canary strategy."""
    return {"canary": {"steps": list(steps), **more}}


def routed(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A canary strategy with traffic routing."""
    routing = {"canaryService": "web-canary", "stableService": "web-stable"}
    routing["trafficRouting"] = {"nginx": {"stableIngress": "web"}}
    return canary(*steps, **(routing | more))


def gateway(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A canary strategy with an HTTPRoute, which can carry a third destination."""
    routing = {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "web", "namespace": "shop"}}}
    return routed(*steps, **({"trafficRouting": routing} | more))


def blue_green(**more: Any) -> dict[str, Any]:
    """A blue/green strategy."""
    return {"blueGreen": {"activeService": "web-active", "previewService": "web-preview", **more}}


@dataclass
class World:
    """The rollout `web` and everything that belongs to it."""

    strategy: dict[str, Any]
    replicas: int = 10
    spec: dict[str, Any] = field(default_factory=dict)
    now: datetime = START
    status: RolloutStatus = field(default_factory=RolloutStatus)
    sets: dict[str, ReplicaSet] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    runs: dict[str, AnalysisRun] = field(default_factory=dict)
    weights: Weights | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    version: str = "v1"
    broken: set[str] = field(default_factory=set)
    """Versions whose pods never become available; `baseline` for those of the baseline alone."""
    stuck: set[str] = field(default_factory=set)
    """Versions of which no further pod becomes available; those that are stay so."""
    verdicts: dict[str, str] = field(default_factory=dict)
    """Phases that runs end with, by version or by name; they go on running without one."""
    proven: set[str] = field(default_factory=set)
    """Versions, or names of runs, that a run proves good at its next look."""
    awaits: frozenset[str] = frozenset()
    """What the metrics of all runs wait for."""
    milestones: list[tuple[str, str, datetime]] = field(default_factory=list)
    """What runs were told came about: which, what, when."""
    events: list[str] = field(default_factory=list)
    generation: int = 1
    problems: tuple[str, ...] = ()
    serial: int = 0
    passes: int = 0

    def __post_init__(self) -> None:
        chosen = self.strategy.get("canary") or self.strategy["blueGreen"]
        names = ("canaryService", "stableService", "activeService", "previewService")
        self.services = {chosen[key]: Service(name=chosen[key]) for key in names if key in chosen}

    # --- what a user does --------------------------------------------------------------------------------

    def ship(self, version: str) -> "World":
        self.version = version
        self.generation += 1
        return self

    def patch(self, **status: Any) -> "World":
        """Patch status, as the kubectl plugin does."""
        current = self.status.model_dump(by_alias=True, exclude_defaults=True)
        current |= status
        self.status = RolloutStatus.model_validate({k: v for k, v in current.items() if v is not None})
        return self

    def set(self, **spec: Any) -> "World":
        self.spec |= spec
        self.generation += 1
        return self

    def scale(self, replicas: int) -> "World":
        self.replicas = replicas
        self.generation += 1
        return self

    # --- what is seen ------------------------------------------------------------------------------------

    @property
    def rollout(self) -> Rollout:
        return Rollout.model_validate(
            {
                "metadata": {
                    "name": "web",
                    "namespace": "shop",
                    "generation": self.generation,
                    "annotations": self.annotations,
                },
                "spec": {
                    "replicas": self.replicas,
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": template(self.version),
                    "strategy": self.strategy,
                    **self.spec,
                },
                "status": self.status.model_dump(by_alias=True),
            }
        )

    def hash_of(self, version: str) -> str:
        return current_hash(
            template(version),
            self.status.collision_count,
            self.sets.values(),
            recorded=self.status.current_pod_hash,
        )

    @property
    def seen(self) -> Observed:
        return Observed(
            rollout=self.rollout,
            pod_hash=self.hash_of(self.version),
            replica_sets=tuple(self.sets.values()),
            pods=tuple(self.pods.values()),
            services=dict(self.services),
            runs=tuple(self.runs.values()),
            weights=self.weights,
            problems=self.problems,
        )

    def of(self, version: str) -> ReplicaSet:
        pod_hash = self.hash_of(version)
        return next(each for each in self.sets.values() if each.pod_hash == pod_hash)

    def size(self, version: str) -> int:
        pod_hash = self.hash_of(version)
        return sum(each.desired for each in self.sets.values() if each.pod_hash == pod_hash)

    @property
    def baseline(self) -> ReplicaSet | None:
        """The baseline pods; there is one set of them at most."""
        found = [each for each in self.sets.values() if BASELINE_OF in each.annotations]
        assert len(found) <= 1 or len({each.pod_hash for each in found}) == len(found)
        return found[-1] if found else None

    @property
    def baseline_weight(self) -> int:
        return sum(each.weight for each in self.weights.additional) if self.weights is not None else 0

    @property
    def weight(self) -> int:
        return self.weights.canary if self.weights is not None else 0

    @property
    def step(self) -> int | None:
        return self.status.current_step_index

    @property
    def phase(self) -> tuple[str, str]:
        return self.status.phase, self.status.message

    def selected(self, service: str) -> str:
        """The version that a service selects; empty for all."""
        pod_hash = self.services[service].pod_hash
        return next((v for v in ("v1", "v2", "v3", "v4") if self.hash_of(v) == pod_hash), "")

    # --- what happens ------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        seen = self.seen
        planned = plan(seen, self.now)
        self.passes += 1
        if self.passes % 8 == 0:
            assert planned == plan(seen, self.now), "a plan must be a pure function of what was seen"
        assert safety.violations(seen, planned.actions, self.now) == ()
        assert not [event for event in planned.events if event.reason == "UnsafePlan"], planned.events
        return planned

    def reconcile(self, *, actions: int | None = None, write: bool = True) -> Plan:
        """One pass; `actions` limits how many are done before the engine dies, without writing status."""
        planned = self.plan()
        for action in planned.actions[:actions]:
            self.do(action)
        if actions is None and write:
            self.status = planned.status
            self.events += [f"{event.reason}: {event.message}" for event in planned.events]
        return planned

    def pass_time(self, seconds: float = 1) -> "World":
        """Pods come up and go, and runs come to their verdicts."""
        self.now += timedelta(seconds=seconds)
        for each in list(self.sets.values()):
            self._settle(each)
        for run in list(self.runs.values()):
            if run.phase in {"", "Pending"}:
                self.runs[run.name] = replace(run, phase="Running", started=self.now)
            elif run.phase == "Running":
                self._judge(run)
        return self

    def run(self, seconds: float = 60, step: float = 1) -> "World":
        """Passes and time in turns."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.reconcile()
            self.pass_time(step)
        return self

    def until(self, condition: Any, seconds: float = 1000) -> "World":
        """Run until a condition of the world holds."""
        end = self.now + timedelta(seconds=seconds)
        while not condition(self):
            assert self.now < end, f"never happened; phase {self.phase}, step {self.step}"
            self.reconcile()
            self.pass_time()
        return self

    def _settle(self, each: ReplicaSet) -> None:
        mine = [pod for pod in self.pods.values() if pod.pod_hash == each.pod_hash]
        for pod in [pod for pod in mine if pod.deleting]:
            del self.pods[pod.name]
        mine = [pod for pod in mine if not pod.deleting]
        mine.sort(key=lambda pod: (pod.available, pod.created))  # a ReplicaSet deletes unready pods first
        for pod in mine[: max(0, len(mine) - each.desired)]:
            del self.pods[pod.name]
        kept = mine[max(0, len(mine) - each.desired) :]
        kind = "baseline" if BASELINE_OF in each.annotations else ""
        works = not {self._version_of(each), kind} & self.broken
        stuck = self._version_of(each) in self.stuck
        for pod in kept:
            self.pods[pod.name] = replace(pod, available=works and (pod.available or not stuck))
        for _ in range(each.desired - len(kept)):
            self.serial += 1
            name = f"{each.name}-{self.serial}"
            self.pods[name] = Pod(name=name, pod_hash=each.pod_hash, created=self.now, available=False)
        self._count(each)

    def _count(self, each: ReplicaSet) -> None:
        mine = [pod for pod in self.pods.values() if pod.pod_hash == each.pod_hash and not pod.deleting]
        up = sum(pod.available for pod in mine)
        self.sets[each.name] = replace(each, current=len(mine), ready=up, available=up)

    def _version_of(self, each: ReplicaSet) -> str:
        return each.template["spec"]["containers"][0]["image"].partition(":")[2]

    def _judge(self, run: AnalysisRun) -> None:
        each = next((each for each in self.sets.values() if each.pod_hash == run.pod_hash), None)
        version = self._version_of(each) if each is not None else ""
        verdict = self.verdicts.get(run.name) or self.verdicts.get(version)
        run = replace(run, proven=run.proven or bool({run.name, version} & self.proven))
        self.runs[run.name] = run
        if run.terminated:
            self.runs[run.name] = replace(run, phase="Successful", message="Run Terminated", cut_short=True)
        elif verdict:
            self.runs[run.name] = replace(run, phase=verdict, message=f"metric says {verdict}")

    def do(self, action: Action) -> None:  # noqa: C901, PLR0912 - one arm for each action
        match action:
            case SetReplicas(replicas=replicas):
                self.replicas = replicas
            case SetRevision(revision=revision):
                self.annotations[REVISION] = str(revision)
            case CreateReplicaSet() if action.name not in self.sets:
                self.sets[action.name] = ReplicaSet(
                    name=action.name,
                    pod_hash=action.pod_hash,
                    revision=action.revision,
                    template=template(self.version),
                    created=self.now,
                    min_ready_seconds=self.rollout.spec.min_ready_seconds,
                    affinity=beside_stable(self.rollout, action.pod_hash),
                )
            case SetAffinity(name=name, affinity=affinity):
                self.sets[name] = replace(self.sets[name], affinity=affinity)
            case SetMinReady(name=name, seconds=seconds):
                self.sets[name] = replace(self.sets[name], min_ready_seconds=seconds)
            case SetPodMetadata(name=name, mark=mark):
                annotations = {**self.sets[name].annotations, EPHEMERAL: mark}
                self.sets[name] = replace(self.sets[name], annotations=annotations)
            case ScaleReplicaSet():
                each = self.sets[action.name]
                until = each.scale_down_deadline if action.replicas else None
                self.sets[action.name] = replace(
                    each,
                    desired=action.replicas,
                    desired_annotation=action.desired_annotation,
                    scale_down_deadline=until,
                )
            case AnnotateReplicaSet():
                self._annotate(action)
            case DeleteReplicaSet():
                self.sets.pop(action.name, None)
            case EvictPod():
                pod = self.pods[action.name]
                self.pods[pod.name] = replace(pod, deleting=True, available=False)
                self._count(next(each for each in self.sets.values() if each.pod_hash == pod.pod_hash))
            case SwitchService():
                self.services[action.name] = Service(
                    name=action.name, pod_hash=action.pod_hash, managed_by="web"
                )
            case CreateBaseline() if action.name not in self.sets:
                copied = self.sets[action.copies]
                self.sets[action.name] = ReplicaSet(
                    name=action.name,
                    pod_hash=action.pod_hash,
                    revision=copied.revision,
                    template=copied.template,
                    created=self.now,
                    desired=action.replicas,
                    annotations={BASELINE_OF: copied.pod_hash},
                )
            case CreateService():
                assert action.like in self.services
                made = Service(name=action.name, pod_hash=action.pod_hash, owned=True)
                self.services.setdefault(action.name, made)
            case DeleteService():
                self.services.pop(action.name, None)
            case SetWeight():
                self.weights = Weights(canary=action.canary, total=action.total, additional=action.additional)
            case StartAnalysis() if action.name not in self.runs:
                self.runs[action.name] = AnalysisRun(
                    name=action.name,
                    type=action.type,
                    pod_hash=action.pod_hash,
                    revision=action.revision,
                    step_index=action.step_index,
                    awaits=self.awaits,
                    baseline=action.baseline.pod_template_hash if action.baseline is not None else "",
                    created=self.now,
                )
            case SetMilestone(name=name, milestone=milestone, at=at):
                run = self.runs[name]
                self.runs[name] = replace(run, awaits=run.awaits - {milestone})
                self.milestones.append((name, milestone, at))
            case TerminateAnalysis():
                self.runs[action.name] = replace(self.runs[action.name], terminated=True)
            case DeleteAnalysis():
                self.runs.pop(action.name, None)

    def _annotate(self, action: AnnotateReplicaSet) -> None:
        each = self.sets[action.name]
        kept = {**each.annotations, **action.annotations}
        texts = {key: value for key, value in kept.items() if value is not None}
        deadline = texts.get(SCALE_DOWN_DEADLINE)
        self.sets[action.name] = replace(
            each,
            annotations=texts,
            revision=int(texts.get(REVISION, each.revision)),
            scale_down_deadline=parse_time(deadline) if deadline else None,
        )


def settled(world: World) -> bool:
    """Nothing is planned, and status says what it said."""
    planned = world.plan()
    return not planned.actions and planned.status == world.status


def healthy(world: World) -> bool:
    return world.status.phase == "Healthy" and world.status.current_pod_hash == world.hash_of(world.version)


def deployed(strategy: dict[str, Any], version: str = "v1", **more: Any) -> World:
    """A world whose first version is up."""
    world = World(strategy=strategy, version=version, **more)
    return world.until(lambda each: healthy(each) and settled(each))
