"""What can be seen of the simulated world at one moment: the API's objects, and where requests go. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from rollouts.api.baseline import BASELINE_OF
from rollouts.api.meta import Object
from rollouts.kube.resources import (
    ANALYSIS_RUNS,
    HTTP_ROUTES,
    INGRESSES,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    Resource,
)
from tests.simulation.baselines import asked
from tests.simulation.manifests import SERVICES as NAMES
from tests.simulation.program import Kind

NAME = "shop"
BESIDE = "shop-baseline"
"""The Service of baseline pods."""
HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
_CANARY_WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


POLICIES = {
    "Failed": ("onFailure", "abort"),
    "Error": ("onError", "abort"),
    "Inconclusive": ("onInconclusive", "pause"),
}
"""By phase, where the spec says what to do about it, and what is done by default."""


@dataclass(frozen=True, slots=True)
class Set:
    """A ReplicaSet of the rollout."""

    name: str
    hash: str
    version: str
    """The tag of its image."""
    replicas: int
    available: int
    revision: int
    created: str


@dataclass(frozen=True, slots=True)
class Run:
    """An AnalysisRun of the rollout."""

    name: str
    hash: str
    revision: str
    type: str
    step: str
    phase: str
    terminated: bool
    """Somebody asked it to end."""
    cut_short: bool = False
    """It ended for that reason, and not by itself."""
    proven: bool = False
    started: str = ""

    @property
    def live(self) -> bool:
        """Whether it is under way, and nobody has asked it to end."""
        return self.phase not in ("Successful", "Failed", "Error", "Inconclusive") and not self.terminated


@dataclass(frozen=True, kw_only=True)
class View:
    """One look at the world."""

    now: float = 0.0
    author: str = ""
    """Which process of the controllers made the change that led here; empty for everybody else."""
    kind: Kind
    rollout: Object = field(default_factory=dict)
    """Empty where there is none."""
    sets: Mapping[str, Set] = field(default_factory=dict)
    """Those of revisions, by hash."""
    baselines: Mapping[str, Set] = field(default_factory=dict)
    """Those of baseline pods, by hash."""
    beside: str | None = None
    """The hash that the Service of the baseline asks for; None while there is no such Service."""
    beside_weight: Fraction = Fraction(0)
    """The share of that Service in the route."""
    ready: Mapping[str, int] = field(default_factory=dict)
    """Pods that take requests, by hash."""
    selectors: Mapping[str, str | None] = field(default_factory=dict)
    """The hash that each Service asks for, empty for any; None while the Service is not there."""
    weight: Fraction | None = None
    """The canary's share in the route; None without a route that has one."""
    runs: tuple[Run, ...] = ()

    @property
    def status(self) -> Object:
        return self.rollout.get("status") or {}

    @property
    def spec(self) -> Object:
        return self.rollout.get("spec") or {}

    @property
    def strategy(self) -> Object:
        chosen = self.spec.get("strategy") or {}
        found: Object = chosen.get("canary") or chosen.get("blueGreen") or {}
        return found

    @property
    def replicas(self) -> int:
        return int(self.spec.get("replicas", 1))

    @property
    def routed(self) -> bool:
        return self.kind in ("nginx", "gateway")

    @property
    def pauses(self) -> set[str]:
        """The reasons of the pauses that status tells."""
        conditions: list[Object] = self.status.get("pauseConditions") or []
        return {each["reason"] for each in conditions}

    @property
    def switches(self) -> bool:
        """Whether users are switched from one version to the other: blue/green."""
        return "blueGreen" in (self.spec.get("strategy") or {})

    @property
    def front(self) -> str:
        """The Service that users' requests reach by default."""
        return NAMES[self.kind][0]

    @property
    def shares(self) -> bool:
        """Whether versions share the requests by their pods: neither blue/green nor a router's weights."""
        return not self.routed and not self.switches

    @property
    def steps(self) -> list[Object]:
        return list(self.strategy.get("steps") or ())

    @property
    def index(self) -> int:
        return int(self.status.get("currentStepIndex") or 0)

    @property
    def current(self) -> str:
        """The hash that status calls the current one."""
        return str(self.status.get("currentPodHash") or "")

    @property
    def stable(self) -> str:
        return str(self.status.get("stableRS") or "")

    @property
    def version(self) -> str:
        """The version that the spec asks for."""
        containers = ((self.spec.get("template") or {}).get("spec") or {}).get("containers") or [{}]
        return str(containers[0].get("image", "")).rpartition(":")[2]

    @property
    def observed(self) -> bool:
        """Whether status speaks of the spec as it is."""
        generation = (self.rollout.get("metadata") or {}).get("generation")
        return bool(self.status) and self.status.get("observedGeneration") == str(generation)

    @property
    def compares(self) -> bool:
        """Whether there should be baseline pods for the step that status names."""
        status = self.status
        if self.current == self.stable or status.get("abort") or status.get("promoteFull"):
            return False
        return asked(self.steps, self.index, self.strategy.get("analysis") or {})

    def outcome(self, run: Run) -> str:
        """What the spec says of an analysis that came to what a run came to: abort, pause or continue."""
        step = self.steps[int(run.step)] if run.step and int(run.step) < len(self.steps) else {}
        asked: Object = {
            "Step": step.get("analysis"),
            "Background": self.strategy.get("analysis"),
            "PrePromotion": self.strategy.get("prePromotionAnalysis"),
            "PostPromotion": self.strategy.get("postPromotionAnalysis"),
        }.get(run.type) or {}
        field, default = POLICIES[run.phase]
        chosen = str(asked.get(field) or default)
        return "pause" if run.cut_short and chosen == "continue" else chosen

    def of(self, pod_hash: str) -> Set | None:
        return self.sets.get(pod_hash)

    def hash_of(self, version: str) -> str:
        return next((each.hash for each in self.sets.values() if each.version == version), "")

    def serving(self, pod_hash: str) -> int:
        """Pods of a version that take requests, count as available, and are not above its size."""
        each = self.sets.get(pod_hash) or self.baselines.get(pod_hash)
        return min(self.ready.get(pod_hash, 0), each.available, each.replicas) if each is not None else 0

    @cached_property
    def reach(self) -> Mapping[str, Fraction]:
        """The share of users' requests by hash; under an empty one what finds nobody."""
        front, *more = NAMES[self.kind]
        shares: dict[str, Fraction] = {}
        weight = (self.weight or Fraction(0)) if self.routed else Fraction(0)
        stable = 1 - weight - self.beside_weight
        if self.beside_weight:
            shares[self.beside or ""] = self.beside_weight
        for name, share in ((front, stable), *((each, weight) for each in more if self.routed)):
            if share:
                for pod_hash, part in self._behind(name).items():
                    shares[pod_hash] = shares.get(pod_hash, Fraction(0)) + share * part
        return shares

    def _behind(self, service: str) -> Mapping[str, Fraction]:
        selected = self.selectors.get(service)
        if selected is None:
            return {"": Fraction(1)}
        if selected:
            return {selected: Fraction(1)}
        total = sum(self.ready.values())
        if not total:
            return {"": Fraction(1)}
        return {pod_hash: Fraction(count, total) for pod_hash, count in self.ready.items() if count}


class Camera:
    """Looks at the world, and remembers of each kind what has not changed since."""

    def __init__(self, kind: Kind, objects: Callable[[Resource], tuple[Object, ...]]) -> None:
        self._kind = kind
        self._objects = objects
        self._parts: dict[str, object] = {}
        for resource in _READERS:
            self.changed(resource)

    def changed(self, resource: Resource) -> bool:
        """Look again at one kind; whether anything of it is part of the view."""
        reader = _READERS.get(resource)
        if reader is None:
            return False
        for name, value in reader(self._kind, self._objects(resource)):
            self._parts[name] = value
        return True

    def look(self, now: float, author: str = "") -> View:
        """The world as it is."""
        return View(now=now, author=author, kind=self._kind, **self._parts)  # type: ignore[arg-type]


_Part = tuple[str, object]


def _rollout(_: Kind, objects: Iterable[Object]) -> Iterator[_Part]:
    yield "rollout", next((obj for obj in objects if obj["metadata"]["name"] == NAME), {})


def _sets(_: Kind, objects: Iterable[Object]) -> Iterator[_Part]:
    found: dict[str, Set] = {}
    baselines: dict[str, Set] = {}
    for obj in objects:
        metadata = obj["metadata"]
        marked = BASELINE_OF in (metadata.get("annotations") or {})
        pod_hash = (metadata.get("labels") or {}).get(HASH, "")
        (baselines if marked else found)[pod_hash] = Set(
            metadata["name"],
            pod_hash,
            obj["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2],
            obj["spec"].get("replicas", 1),
            (obj.get("status") or {}).get("availableReplicas", 0),
            int((metadata.get("annotations") or {}).get(REVISION) or 0),
            metadata["creationTimestamp"],
        )
    yield "sets", found
    yield "baselines", baselines


def _ready(_: Kind, objects: Iterable[Object]) -> Iterator[_Part]:
    counts: dict[str, int] = {}
    for obj in objects:
        if "deletionTimestamp" in obj["metadata"]:
            continue
        conditions = (obj.get("status") or {}).get("conditions") or ()
        if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            pod_hash = (obj["metadata"].get("labels") or {}).get(HASH, "")
            counts[pod_hash] = counts.get(pod_hash, 0) + 1
    yield "ready", counts


def _selectors(kind: Kind, objects: Iterable[Object]) -> Iterator[_Part]:
    found: dict[str, str | None] = dict.fromkeys(NAMES[kind])
    for obj in objects:
        if obj["metadata"]["name"] in found:
            found[obj["metadata"]["name"]] = (obj["spec"].get("selector") or {}).get(HASH, "")
    yield "selectors", found
    beside = next((obj for obj in objects if obj["metadata"]["name"] == BESIDE), None)
    yield "beside", None if beside is None else (beside["spec"].get("selector") or {}).get(HASH, "")


def _nginx(kind: Kind, objects: Iterable[Object]) -> Iterator[_Part]:
    if kind != "nginx":
        return
    # Without the stable Ingress it leads nobody anywhere, and says what it will do once that is there again.
    canary = next((obj for obj in objects if obj["metadata"]["name"] == f"{NAME}-{NAME}-canary"), None)
    if canary is None:
        yield "weight", None
        return
    weight = (canary["metadata"].get("annotations") or {}).get(_CANARY_WEIGHT)
    yield "weight", None if weight is None else Fraction(int(weight), 100)


def _http_routes(kind: Kind, objects: Iterable[Object]) -> Iterator[_Part]:
    if kind != "gateway":
        return
    route = next((obj for obj in objects if obj["metadata"]["name"] == NAME), None)
    if route is None:
        yield "weight", None
        yield "beside_weight", Fraction(0)
        return
    weights = {ref["name"]: ref.get("weight") for ref in route["spec"]["rules"][0]["backendRefs"]}
    stable, canary = (weights.get(name) for name in NAMES[kind])
    further = weights.get(BESIDE, 0)
    known = canary is not None and stable is not None and stable + canary + further
    yield "weight", Fraction(canary, stable + canary + further) if known else None
    yield "beside_weight", Fraction(further, stable + canary + further) if known else Fraction(0)


def _runs(_: Kind, objects: Iterable[Object]) -> Iterator[_Part]:
    found = []
    for obj in objects:
        labels = obj["metadata"].get("labels") or {}
        found.append(
            Run(
                obj["metadata"]["name"],
                labels.get(HASH, ""),
                (obj["metadata"].get("annotations") or {}).get(REVISION, ""),
                labels.get("rollout-type", ""),
                labels.get("step-index", ""),
                (obj.get("status") or {}).get("phase", ""),
                bool(obj["spec"].get("terminate")),
                bool((obj.get("status") or {}).get("terminated")),
                bool((obj.get("status") or {}).get("proven")),
                (obj.get("status") or {}).get("startedAt") or "",
            )
        )
    yield "runs", tuple(found)


_READERS: Mapping[Resource, Callable[[Kind, Iterable[Object]], Iterator[_Part]]] = {
    ROLLOUTS: _rollout,
    REPLICA_SETS: _sets,
    PODS: _ready,
    SERVICES: _selectors,
    INGRESSES: _nginx,
    HTTP_ROUTES: _http_routes,
    ANALYSIS_RUNS: _runs,
}
