"""`.spec.strategy.canary`: steps and what bounds them."""

from typing import Any

from pydantic import Field

from rollouts.api.analysis import DryRun, MeasurementRetention
from rollouts.api.meta import MAX_INT32, OPEN, IntOrString, LabelSelector, Spec
from rollouts.api.traffic import RolloutTrafficRouting, StringMatch


class ObjectFieldRef(Spec):
    """A path into the rollout itself."""

    field_path: str


class ArgumentValueFrom(Spec):
    """Where an argument takes its value: exactly one of the two."""

    pod_template_hash_value: str | None = None
    """`Stable` or `Latest`."""
    field_ref: ObjectFieldRef | None = None


class AnalysisRunArgument(Spec):
    """An argument that a rollout hands to its analysis."""

    name: str
    value: str | None = None
    value_from: ArgumentValueFrom | None = None


class RolloutAnalysisTemplate(Spec):
    """The name of an AnalysisTemplate, or with clusterScope of a ClusterAnalysisTemplate."""

    template_name: str = ""
    cluster_scope: bool = False


class AnalysisRunMetadata(Spec):
    """Labels and annotations for the AnalysisRun."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class RolloutAnalysis(Spec):
    """Templates and arguments of one analysis."""

    templates: tuple[RolloutAnalysisTemplate, ...] = ()
    args: tuple[AnalysisRunArgument, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    analysis_run_metadata: AnalysisRunMetadata | None = None


class RolloutAnalysisBackground(RolloutAnalysis):
    """An analysis that runs beside the steps."""

    starting_step: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """The index of the step at which it starts; 0 by default."""


class RolloutPause(Spec):
    """Wait, for a time or for a human."""

    duration: IntOrString | None = None
    """Seconds as a number, or a duration such as `5m`; without it the pause has no end."""


class SetCanaryScale(Spec):
    """Size the canary apart from its weight; exactly one of the three."""

    replicas: int | None = Field(default=None, ge=0, le=MAX_INT32)
    weight: int | None = Field(default=None, ge=0, le=100)
    match_traffic_weight: bool = False


class HeaderRoutingMatch(Spec):
    """A header and how its value must look."""

    header_name: str
    header_value: StringMatch | None = None


class SetHeaderRoute(Spec):
    """Send requests that carry a header to the canary."""

    name: str = ""
    match: tuple[HeaderRoutingMatch, ...] = ()


class RouteMatch(Spec):
    """A request by method, path and headers."""

    method: StringMatch | None = None
    path: StringMatch | None = None
    headers: dict[str, StringMatch] = {}


class SetMirrorRoute(Spec):
    """Copy matching requests to the canary and drop its answers."""

    name: str = ""
    match: tuple[RouteMatch, ...] = ()
    percentage: int | None = Field(default=None, ge=0, le=100)


class PodTemplateMetadata(Spec):
    """Labels and annotations that pods carry while they play a role."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class TemplateService(Spec):
    """A Service to generate for an experiment's template."""

    name: str | None = None


class RolloutExperimentTemplate(Spec):
    """One arm of an experiment."""

    name: str
    spec_ref: str
    """`stable` or `canary`."""
    replicas: int | None = None
    metadata: PodTemplateMetadata | None = None
    selector: LabelSelector | None = None
    weight: int | None = None
    service: TemplateService | None = None


class RolloutExperimentStepAnalysisTemplateRef(Spec):
    """An analysis of an experiment step."""

    name: str
    template_name: str
    cluster_scope: bool = False
    args: tuple[AnalysisRunArgument, ...] = ()
    required_for_completion: bool = False


class RolloutExperimentStep(Spec):
    """Run arms side by side for a while."""

    templates: tuple[RolloutExperimentTemplate, ...]
    duration: str | None = None
    analyses: tuple[RolloutExperimentStepAnalysisTemplateRef, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    analysis_run_metadata: AnalysisRunMetadata | None = None
    scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)


class PluginStep(Spec):
    """A step that a plugin runs."""

    name: str
    config: Any = Field(default=None, json_schema_extra=OPEN)


class CanaryStep(Spec):
    """One step of a canary: exactly one of these fields."""

    set_weight: int | None = Field(default=None, ge=0, le=MAX_INT32)
    pause: RolloutPause | None = None
    set_canary_scale: SetCanaryScale | None = None
    set_header_route: SetHeaderRoute | None = None
    set_mirror_route: SetMirrorRoute | None = None
    analysis: RolloutAnalysis | None = None
    experiment: RolloutExperimentStep | None = None
    plugin: PluginStep | None = None


class PreferredDuringSchedulingIgnoredDuringExecution(Spec):
    """Keep canary and stable pods on different nodes where possible."""

    weight: int = Field(ge=1, le=100)


class RequiredDuringSchedulingIgnoredDuringExecution(Spec):
    """Keep canary and stable pods on different nodes."""


class AntiAffinity(Spec):
    """How strictly the new pods avoid the nodes of the stable ones; exactly one of the two."""

    preferred_during_scheduling_ignored_during_execution: (
        PreferredDuringSchedulingIgnoredDuringExecution | None
    ) = None
    required_during_scheduling_ignored_during_execution: (
        RequiredDuringSchedulingIgnoredDuringExecution | None
    ) = None


class PingPongSpec(Spec):
    """Two services that swap roles, where a router must never see a selector change."""

    ping_service: str
    pong_service: str


class ReplicaProgressThreshold(Spec):
    """How many available canary pods let a step complete."""

    type: str = "Percent"
    """`Percent` or `Pods`."""
    value: int


class CanaryStrategy(Spec):
    """Shift traffic or replicas step by step; without steps this is a rolling update."""

    canary_service: str = ""
    stable_service: str = ""
    steps: tuple[CanaryStep, ...] = ()
    traffic_routing: RolloutTrafficRouting | None = None
    max_surge: IntOrString | None = None
    """Pods above the wanted number, rounded up; 25 % by default."""
    max_unavailable: IntOrString | None = None
    """Pods below the wanted number, rounded down; 25 % by default."""
    analysis: RolloutAnalysisBackground | None = None
    anti_affinity: AntiAffinity | None = None
    canary_metadata: PodTemplateMetadata | None = None
    stable_metadata: PodTemplateMetadata | None = None
    scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the old pods stay after promotion, 30 by default; only with trafficRouting."""
    scale_down_delay_revision_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    abort_scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the canary stays after an abort, 30 by default; 0 keeps it. Only with trafficRouting."""
    dynamic_stable_scale: bool = False
    ping_pong: PingPongSpec | None = None
    min_pods_per_replica_set: int | None = Field(default=None, ge=0, le=MAX_INT32)
    replica_progress_threshold: ReplicaProgressThreshold | None = None
