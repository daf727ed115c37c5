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
    kind: str = ""
    name: str = ""
    scale_down: str = ""
    """`never` (default), `onsuccess` or `progressively`."""


class BlueGreenStrategy(Spec):
    """Run the new version beside the old one and switch all traffic at once."""

    active_service: str
    preview_service: str = ""
    preview_replica_count: int | None = Field(default=None, ge=0, le=MAX_INT32)
    auto_promotion_enabled: bool | None = None
    """False waits for a human before the switch; true by default."""
    auto_promotion_seconds: int = Field(default=0, ge=0, le=MAX_INT32)
    max_unavailable: IntOrString | None = None
    scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the old version stays after the switch; 30 by default."""
    scale_down_delay_revision_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    abort_scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the preview stays after an abort, 30 by default; 0 keeps it."""
    pre_promotion_analysis: RolloutAnalysis | None = None
    post_promotion_analysis: RolloutAnalysis | None = None
    anti_affinity: AntiAffinity | None = None
    preview_metadata: PodTemplateMetadata | None = None
    active_metadata: PodTemplateMetadata | None = None


class RolloutStrategy(Spec):
    """Exactly one of the two."""

    blue_green: BlueGreenStrategy | None = None
    canary: CanaryStrategy | None = None


class RollbackWindowSpec(Spec):
    """How far back a rollback may go without steps and analysis."""

    revisions: int = 0


class AnalysisRunStrategy(Spec):
    """How many finished runs and experiments are kept."""

    successful_run_history_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    unsuccessful_run_history_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)


class RolloutSpec(Spec):
    """What is to run and how a new version of it arrives."""

    replicas: int | None = Field(default=None, ge=0, le=MAX_INT32)
    selector: LabelSelector | None = Field(default=None, json_schema_extra=_IMMUTABLE_SELECTOR)
    """Which pods belong to the rollout. Cannot be changed."""
    template: Object = Field(default={}, json_schema_extra=OPEN)
    workload_ref: ObjectRef | None = None
    min_ready_seconds: int = Field(default=0, ge=0, le=MAX_INT32)
    revision_history_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Old revisions to keep; 10 by default."""
    rollback_window: RollbackWindowSpec | None = None
    paused: bool = False
    progress_deadline_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds without progress after which the update is Degraded; 600 by default."""
    progress_deadline_abort: bool = False
    restart_at: Time | None = None
    analysis: AnalysisRunStrategy | None = None
    strategy: RolloutStrategy = RolloutStrategy()


class Rollout(Spec):
    """A workload whose updates arrive step by step."""

    api_version: str = API_VERSION
    kind: str = "Rollout"
    metadata: ObjectMeta = ObjectMeta()
    spec: RolloutSpec
    status: RolloutStatus = RolloutStatus()
