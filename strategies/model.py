"""The words of a decision: what was seen, what to do, what to write.

A strategy is `plan(seen: Observed, now: datetime) -> Plan`: a pure function. Nothing here does I/O, reads a
clock or logs; the controller observes before and executes after.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from rollouts.api.analysis import RunBaseline
from rollouts.api.canary import RolloutAnalysis
from rollouts.api.meta import Object
from rollouts.api.rollout import Rollout
from rollouts.api.rollout_status import RolloutStatus
from rollouts.api.weights import Destination, Weights

RunType = Literal["Step", "Background", "PrePromotion", "PostPromotion"]
Milestone = Literal["podsReady", "firstTraffic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSet:
    """A ReplicaSet that the rollout controls, or of one of its experiments."""

    name: str
    uid: str = ""
    pod_hash: str
    """Value of the label rollouts-pod-template-hash."""
    revision: int = 0
    template: Object = field(default_factory=dict)
    created: datetime
    desired: int = 0
    """`.spec.replicas`"""
    current: int = 0
    """`.status.replicas`"""
    ready: int = 0
    available: int = 0
    desired_annotation: int | None = None
    """`rollout.argoproj.io/desired-replicas`: the rollout's size when this set was last sized."""
    scale_down_deadline: datetime | None = None
    failure: str = ""
    """The message of its ReplicaFailure condition, as when a quota refuses pods."""
    min_ready_seconds: int = 0
    """How long a pod of it must be ready to count as available."""
    affinity: Object = field(default_factory=dict)
    """Of its pods, with what the engine added; `template` is as its author wrote it."""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod of one of the ReplicaSets."""

    name: str
    pod_hash: str
    created: datetime
    available: bool
    ready: bool = False
    """It gets requests; `available` once it has been ready for long enough."""
    deleting: bool = False

    @property
    def serves(self) -> bool:
        """Whether requests may be lost when it goes."""
        return self.ready or self.available


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service that the rollout refers to."""

    name: str
    pod_hash: str = ""
    """The hash that its selector asks for; empty while no rollout has adopted it."""
    managed_by: str = ""
    """The rollout that the managed-by annotation names."""
    owned: bool = False
    """Whether the rollout controls it, as one that it made itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRun:
    """An AnalysisRun that the rollout controls."""

    name: str
    type: RunType
    pod_hash: str
    revision: int = 0
    step_index: int | None = None
    phase: str = ""
    message: str = ""
    terminated: bool = False
    """`.spec.terminate`"""
    cut_short: bool = False
    """`.status.terminated`: it was ended before its time, and its phase stands for nothing."""
    proven: bool = False
    """`.status.proven`: the version is proven good."""
    started: datetime | None = None
    """`.status.startedAt`"""
    awaits: frozenset[Milestone] = frozenset()
    """What its metrics wait for (startOn) and `.spec.milestones` does not tell yet."""
    baseline: str = ""
    """The hash of the baseline pods that it compares with; empty without."""
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What `.spec.workloadRef` names, as it is now."""

    kind: str
    name: str
    generation: int
    replicas: int
    """Its own pods, beside those of the rollout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One frozen look at a rollout and all that belongs to it."""

    rollout: Rollout
    """Validated. What a real API server defaults may still be unset."""
    pod_hash: str
    """The hash of `.spec.template`: computed, or of the ReplicaSet that already holds an equal template."""
    replica_sets: tuple[ReplicaSet, ...] = ()
    pods: tuple[Pod, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    runs: tuple[AnalysisRun, ...] = ()
    weights: Weights | None = None
    """None without traffic routing, or while the router's objects do not exist yet."""
    workload: Workload | None = None
    """Whose template the rollout runs; None where the template is the rollout's own."""
    problems: tuple[str, ...] = ()
    """What is wrong with the objects that the rollout refers to; each names object, field, value, remedy."""

    @property
    def canary_weight(self) -> int:
        """The canary's share that was seen on the route; 0 while there is none."""
        return self.weights.canary if self.weights is not None else 0


# --- Actions: each is idempotent, and the executor has one arm for each ---------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReplicas:
    """Write `.spec.replicas` where it was left out, so that an autoscaler finds a number."""

    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateReplicaSet:
    """Create the ReplicaSet of `.spec.template` with no pods."""

    name: str
    pod_hash: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleReplicaSet:
    """Size a ReplicaSet, and note the rollout's size beside it; without pods it loses its deadline."""

    name: str
    replicas: int
    desired_annotation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateReplicaSet:
    """Set annotations; None removes one. `scale-down-deadline` and the revision are kept here."""

    name: str
    annotations: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMinReady:
    """Make a ReplicaSet count its pods as available after as many seconds as the rollout says by now."""

    name: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAffinity:
    """Give the pods of a ReplicaSet that are still to come this affinity."""

    name: str
    affinity: Object


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPodMetadata:
    """Give the pods of a ReplicaSet, to come and there, what their role asks for; None removes a key."""

    name: str
    labels: Mapping[str, str | None]
    annotations: Mapping[str, str | None]
    mark: str
    """What to remember of it in the annotation `ephemeral-metadata`, once it is done; empty for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteReplicaSet:
    """Delete an old, empty ReplicaSet; its AnalysisRuns go too."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBaseline:
    """Create a ReplicaSet that is no revision: fresh pods of the version that another ReplicaSet holds."""

    name: str
    pod_hash: str
    copies: str
    """The name of the ReplicaSet whose template it takes over."""
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateService:
    """Create a Service for the pods of one hash, with the ports of another Service."""

    name: str
    pod_hash: str
    like: str
    """The name of the other Service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteService:
    """Delete a Service that the rollout made."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictPod:
    """Evict a pod so that it is made anew; a disruption budget may refuse, which is no failure."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchService:
    """Point a Service at the pods of one hash."""

    name: str
    pod_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWeight:
    """Send `canary` of `total` to the canary service, on every configured router, and stable the rest."""

    canary: int
    total: int = 100
    additional: tuple[Destination, ...] = ()
    """Further destinations, whose shares stable does not get; what else was added before is taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAnalysis:
    """Create an AnalysisRun from the templates that `analysis` names."""

    name: str
    type: RunType
    analysis: RolloutAnalysis
    args: Mapping[str, str]
    """Resolved: hashes and field paths are values by now."""
    pod_hash: str
    revision: int
    step_index: int | None = None
    baseline: RunBaseline | None = None
    """What the run is to compare with instead of stable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMilestone:
    """Tell an AnalysisRun that something came about which its metrics wait for."""

    name: str
    milestone: Milestone
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateAnalysis:
    """Ask an AnalysisRun to end."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAnalysis:
    """Delete a finished AnalysisRun beyond the history limit."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRevision:
    """Write the revision number on the rollout (`rollout.argoproj.io/revision`)."""

    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteWorkload:
    """Write on the rollout which generation of its workload it follows; None takes the note away."""

    generation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleWorkload:
    """Size the Deployment that the rollout takes over from."""

    name: str
    replicas: int


Action = (
    SetReplicas
    | SetRevision
    | CreateReplicaSet
    | ScaleReplicaSet
    | AnnotateReplicaSet
    | SetMinReady
    | SetAffinity
    | SetPodMetadata
    | DeleteReplicaSet
    | CreateBaseline
    | CreateService
    | DeleteService
    | EvictPod
    | SwitchService
    | SetWeight
    | StartAnalysis
    | SetMilestone
    | TerminateAnalysis
    | DeleteAnalysis
    | NoteWorkload
    | ScaleWorkload
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What to tell the user, once."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do next, in order; then the status to write; then when to look again."""

    actions: tuple[Action, ...] = ()
    status: RolloutStatus
    events: tuple[Event, ...] = ()
    requeue_after: timedelta | None = None
    """None: wait for the next change."""


class Strategy(Protocol):
    """How a new revision arrives."""

    def plan(self, seen: Observed, now: datetime) -> Plan:
        """Decide. Pure: called twice with equal arguments it returns equal plans."""
        ...
