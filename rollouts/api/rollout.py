"""The Rollout resource."""

from pydantic import Field
from pydantic.config import JsonDict

from rollouts.api.canary import AntiAffinity, CanaryStrategy, PodTemplateMetadata, RolloutAnalysis
from rollouts.api.meta import (
    API_VERSION,
    MAX_INT32,
    OPEN,
    IntOrString,
    LabelSelector,
    Object,
    ObjectMeta,
    Spec,
    Time,
)
from rollouts.api.rollout_status import RolloutStatus

_IMMUTABLE_SELECTOR: JsonDict = {
    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]
}


class ObjectRef(Spec):
    """A workload that holds the pod template."""

    api_version: str = ""
    """The API version of the workload, such as `apps/v1`."""
    kind: str = ""
    """`Deployment` or `ReplicaSet`; a `PodTemplate` is not supported yet."""
    name: str = ""
    """The name of the workload, in the namespace of the rollout."""
    scale_down: str = ""
    """When the Deployment's own pods go: `never` (default), `onsuccess` or `progressively`."""


class BlueGreenStrategy(Spec):
    """Run the new version beside the old one and switch all traffic at once."""

    active_service: str
    """The Service that users reach; it is switched to the new version at the promotion."""
    preview_service: str = ""
    """A Service that reaches the new version before the promotion; none by default."""
    preview_replica_count: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Pods of the new version before the promotion; as many as `.spec.replicas` by default."""
    auto_promotion_enabled: bool | None = None
    """False waits for a human before the switch; true by default."""
    auto_promotion_seconds: int = Field(default=0, ge=0, le=MAX_INT32)
    """Seconds that the new version is held, once it is ready, before the switch; 0 by default."""
    max_unavailable: IntOrString | None = None
    """Pods that a restart may take away at once, as a count or a percentage; 25 % by default."""
    scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the old version stays after the switch; 30 by default."""
    scale_down_delay_revision_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """How many old revisions may wait for their scale-down at once; no limit by default."""
    abort_scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the preview stays after an abort, 30 by default; 0 keeps it."""
    pre_promotion_analysis: RolloutAnalysis | None = None
    """An analysis that must succeed before traffic is switched."""
    post_promotion_analysis: RolloutAnalysis | None = None
    """An analysis after the switch; when it fails, traffic goes back to the old version."""
    anti_affinity: AntiAffinity | None = None
    """How strictly new pods keep off the nodes of the old ones: exactly one of the two."""
    preview_metadata: PodTemplateMetadata | None = None
    """Labels and annotations of the pods while they are the preview."""
    active_metadata: PodTemplateMetadata | None = None
    """Labels and annotations of the pods while they are active."""


class RolloutStrategy(Spec):
    """Exactly one of the two."""

    blue_green: BlueGreenStrategy | None = None
    """Run the new version beside the old one and switch all traffic at once."""
    canary: CanaryStrategy | None = None
    """Shift traffic or pods step by step; without steps this is a rolling update."""


class RollbackWindowSpec(Spec):
    """How far back a rollback may go without steps and analysis."""

    revisions: int = 0
    """A rollback that passes over fewer revisions than this goes at once; 0 turns that off."""


class AnalysisRunStrategy(Spec):
    """How many finished runs and experiments are kept."""

    successful_run_history_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """How many successful runs are kept; 5 by default."""
    unsuccessful_run_history_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """How many failed, erroneous and inconclusive runs are kept; 5 by default."""


class RolloutSpec(Spec):
    """What is to run and how a new version of it arrives."""

    replicas: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """How many pods are wanted; 1 by default."""
    selector: LabelSelector | None = Field(default=None, json_schema_extra=_IMMUTABLE_SELECTOR)
    """Which pods belong to the rollout. Cannot be changed."""
    template: Object = Field(default={}, json_schema_extra=OPEN)
    """The pod template; every change of it is a new revision."""
    workload_ref: ObjectRef | None = None
    """Take the pod template from another workload instead of `.spec.template`."""
    min_ready_seconds: int = Field(default=0, ge=0, le=MAX_INT32)
    """Seconds that a pod must stay ready before it counts as available; 0 by default."""
    revision_history_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Old revisions to keep; 10 by default."""
    rollback_window: RollbackWindowSpec | None = None
    """How many revisions back a rollback skips steps and analysis."""
    paused: bool = False
    """Hold the update where it is until this is false again; false by default."""
    progress_deadline_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds without progress after which the update is Degraded; 600 by default."""
    progress_deadline_abort: bool = False
    """Abort the update when the progress deadline has passed; false by default."""
    restart_at: Time | None = None
    """Pods that were created before this time are replaced one after another."""
    analysis: AnalysisRunStrategy | None = None
    """How many finished analysis runs are kept."""
    strategy: RolloutStrategy = RolloutStrategy()
    """How a new version arrives: exactly one of canary and blueGreen."""


class Rollout(Spec):
    """A workload whose updates arrive step by step."""

    api_version: str = API_VERSION
    """`argoproj.io/v1alpha1`."""
    kind: str = "Rollout"
    """`Rollout`."""
    metadata: ObjectMeta = ObjectMeta()
    """The name, the namespace, labels and annotations."""
    spec: RolloutSpec
    """What is wanted."""
    status: RolloutStatus = RolloutStatus()
    """What the engine saw and decided last."""
