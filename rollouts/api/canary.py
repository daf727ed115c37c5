"""`.spec.strategy.canary`: steps and what bounds them."""

from typing import Any, Literal

from pydantic import Field

from rollouts.api.analysis import DryRun, MeasurementRetention
from rollouts.api.meta import MAX_INT32, OPEN, IntOrString, LabelSelector, Spec
from rollouts.api.traffic import RolloutTrafficRouting, StringMatch


class ObjectFieldRef(Spec):
    """A path into the rollout itself."""

    field_path: str
    """A path such as `metadata.labels['team']` or `status.currentPodHash`."""


class ArgumentValueFrom(Spec):
    """Where an argument takes its value: exactly one of the two."""

    pod_template_hash_value: str | None = None
    """`Stable` or `Latest`."""
    field_ref: ObjectFieldRef | None = None
    """A field of the rollout that holds the value."""


class AnalysisRunArgument(Spec):
    """An argument that a rollout hands to its analysis."""

    name: str
    """The name of an argument that the templates declare."""
    value: str | None = None
    """The value, as text."""
    value_from: ArgumentValueFrom | None = None
    """Where to take the value: exactly one of podTemplateHashValue and fieldRef."""


class RolloutAnalysisTemplate(Spec):
    """The name of an AnalysisTemplate, or with clusterScope of a ClusterAnalysisTemplate."""

    template_name: str = ""
    """The name of the template."""
    cluster_scope: bool = False
    """Look for a ClusterAnalysisTemplate; false by default."""


class AnalysisRunMetadata(Spec):
    """Labels and annotations for the AnalysisRun."""

    labels: dict[str, str] = {}
    """Labels to add to the AnalysisRun."""
    annotations: dict[str, str] = {}
    """Annotations to add to the AnalysisRun."""


Outcome = Literal["", "abort", "pause", "continue"]
"""What a rollout does when an analysis did not succeed."""


class AnalysisBaseline(Spec):
    """Fresh pods of the stable version to compare the canary with; exactly one of the two."""

    replicas: int | None = Field(default=None, ge=1, le=MAX_INT32)
    """So many pods."""
    match_canary: bool = False
    """As many pods as the canary has; false by default."""


class RolloutAnalysis(Spec):
    """Templates and arguments of one analysis."""

    templates: tuple[RolloutAnalysisTemplate, ...] = ()
    """The templates whose metrics are measured together."""
    args: tuple[AnalysisRunArgument, ...] = ()
    """Values for the arguments of the templates."""
    dry_run: tuple[DryRun, ...] = ()
    """Metrics that are measured without a say in the verdict."""
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    """How many measurements of a metric are kept, where 10 are too many or too few."""
    analysis_run_metadata: AnalysisRunMetadata | None = None
    """Labels and annotations for the AnalysisRun."""
    on_failure: Outcome = ""
    """Additive to upstream: what to do when the run is Failed; abort by default."""
    on_inconclusive: Outcome = ""
    """Additive: what to do when the run is Inconclusive; pause by default."""
    on_error: Outcome = ""
    """Additive: what to do when the run ends in Error; abort by default."""


class CanaryAnalysis(RolloutAnalysis):
    """An analysis of a canary, with what may be compared with it."""

    baseline: AnalysisBaseline | None = None
    """Additive to upstream: start fresh stable pods together with the canary, give them the same share of
    the traffic, and compare with those; only with trafficRouting."""


class StepAnalysis(CanaryAnalysis):
    """An analysis that is a step."""

    advance: Literal["", "evidence"] = ""
    """Additive to upstream: `evidence` ends the step once the canary is proven good, and holds it until
    then."""
    at_least: str = ""
    """With advance, the shortest time of the step, such as `2m`; none by default."""
    at_most: str = ""
    """With advance, the longest time of the step; without proof by then it is inconclusive. No end by
    default."""


class RolloutAnalysisBackground(CanaryAnalysis):
    """An analysis that runs beside the steps."""

    starting_step: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """The index of the step at which it starts; 0 by default."""


class RolloutPause(Spec):
    """Wait, for a time or for a human."""

    duration: IntOrString | None = None
    """Seconds as a number, or a duration such as `5m`; without it the pause has no end."""
    advance: Literal["", "evidence"] = ""
    """Additive to upstream: `evidence` ends the pause as soon as the background analysis has proven the
    canary good, and holds it until then."""
    at_least: str = ""
    """With advance, the shortest time of the pause, such as `2m`; none by default."""
    at_most: str = ""
    """With advance, the longest time; without proof by then a human decides. No end by default."""


class SetCanaryScale(Spec):
    """Size the canary apart from its weight; exactly one of the three."""

    replicas: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """The canary's size in pods."""
    weight: int | None = Field(default=None, ge=0, le=100)
    """The canary's size as a percentage of `.spec.replicas`."""
    match_traffic_weight: bool = False
    """Let the canary's size follow its traffic again; false by default."""


class HeaderRoutingMatch(Spec):
    """A header and how its value must look."""

    header_name: str
    """The name of the HTTP header."""
    header_value: StringMatch | None = None
    """What the value must look like: exactly one of exact, prefix and regex."""


class SetHeaderRoute(Spec):
    """Send requests that carry a header to the canary."""

    name: str = ""
    """The name of the route, one of `trafficRouting.managedRoutes`."""
    match: tuple[HeaderRoutingMatch, ...] = ()
    """The headers that a request must carry; an empty list removes the route."""


class RouteMatch(Spec):
    """A request by method, path and headers."""

    method: StringMatch | None = None
    """The HTTP method: exactly one of exact, prefix and regex."""
    path: StringMatch | None = None
    """The path of the URL: exactly one of exact, prefix and regex."""
    headers: dict[str, StringMatch] = {}
    """Headers by name, each with exactly one of exact, prefix and regex."""


class SetMirrorRoute(Spec):
    """Copy matching requests to the canary and drop its answers."""

    name: str = ""
    """The name of the route, one of `trafficRouting.managedRoutes`."""
    match: tuple[RouteMatch, ...] = ()
    """The requests that are copied; an empty list removes the route."""
    percentage: int | None = Field(default=None, ge=0, le=100)
    """How many of the matching requests are copied, in percent; 100 by default."""


class PodTemplateMetadata(Spec):
    """Labels and annotations that pods carry while they play a role."""

    labels: dict[str, str] = {}
    """Labels for the pods."""
    annotations: dict[str, str] = {}
    """Annotations for the pods."""


class TemplateService(Spec):
    """A Service to generate for an experiment's template."""

    name: str | None = None
    """The name of the Service; made from the experiment and the template by default."""


class RolloutExperimentTemplate(Spec):
    """One arm of an experiment."""

    name: str
    """A name for this arm, unique in the step."""
    spec_ref: str
    """`stable` or `canary`."""
    replicas: int | None = None
    """Pods of this arm; 1 by default."""
    metadata: PodTemplateMetadata | None = None
    """Labels and annotations to add to the pods."""
    selector: LabelSelector | None = None
    """The selector of the arm's ReplicaSet, instead of the rollout's own."""
    weight: int | None = None
    """The share of the traffic that this arm gets, in percent."""
    service: TemplateService | None = None
    """Give this arm a Service of its own."""


class RolloutExperimentStepAnalysisTemplateRef(Spec):
    """An analysis of an experiment step."""

    name: str
    """A name for this analysis, unique in the step."""
    template_name: str
    """The name of the template."""
    cluster_scope: bool = False
    """Look for a ClusterAnalysisTemplate; false by default."""
    args: tuple[AnalysisRunArgument, ...] = ()
    """Values for the arguments of the template."""
    required_for_completion: bool = False
    """Wait for this analysis even when the duration has passed; false by default."""


class RolloutExperimentStep(Spec):
    """Run arms side by side for a while."""

    templates: tuple[RolloutExperimentTemplate, ...]
    """The versions to run side by side."""
    duration: str | None = None
    """How long they run once all are available, such as `10m`; without it, until the analyses end."""
    analyses: tuple[RolloutExperimentStepAnalysisTemplateRef, ...] = ()
    """The analyses that judge the experiment."""
    dry_run: tuple[DryRun, ...] = ()
    """Metrics that are measured without a say in the verdict."""
    analysis_run_metadata: AnalysisRunMetadata | None = None
    """Labels and annotations for the AnalysisRuns."""
    scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the pods stay after the experiment; 30 by default."""


class PluginStep(Spec):
    """A step that a plugin runs."""

    name: str
    """The name of the plugin."""
    config: Any = Field(default=None, json_schema_extra=OPEN)
    """Settings for the plugin, in whatever form it reads."""


class CanaryStep(Spec):
    """One step of a canary: exactly one of these fields."""

    set_weight: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """The share of the traffic for the canary, in percent, or out of maxTrafficWeight where that is set."""
    pause: RolloutPause | None = None
    """Wait for a time, or until somebody promotes."""
    set_canary_scale: SetCanaryScale | None = None
    """Size the canary apart from its weight, by one of the three fields; only with trafficRouting."""
    set_header_route: SetHeaderRoute | None = None
    """Send requests with certain headers to the canary."""
    set_mirror_route: SetMirrorRoute | None = None
    """Copy requests to the canary and drop its answers."""
    analysis: StepAnalysis | None = None
    """Run an analysis and wait for its verdict."""
    experiment: RolloutExperimentStep | None = None
    """Run versions side by side and wait for the outcome."""
    plugin: PluginStep | None = None
    """Let a plugin run the step."""


class PreferredDuringSchedulingIgnoredDuringExecution(Spec):
    """Keep canary and stable pods on different nodes where possible."""

    weight: int = Field(ge=1, le=100)
    """How much this counts beside other preferences of the scheduler, 1 to 100."""


class RequiredDuringSchedulingIgnoredDuringExecution(Spec):
    """Keep canary and stable pods on different nodes."""


class AntiAffinity(Spec):
    """How strictly the new pods avoid the nodes of the stable ones; exactly one of the two."""

    preferred_during_scheduling_ignored_during_execution: (
        PreferredDuringSchedulingIgnoredDuringExecution | None
    ) = None
    """Avoid the nodes of the stable pods where others are free."""
    required_during_scheduling_ignored_during_execution: (
        RequiredDuringSchedulingIgnoredDuringExecution | None
    ) = None
    """Never share a node with a stable pod."""


class PingPongSpec(Spec):
    """Two services that swap roles, where a router must never see a selector change."""

    ping_service: str
    """One of the two Services."""
    pong_service: str
    """The other of the two Services."""


class ReplicaProgressThreshold(Spec):
    """How many available canary pods let a step complete."""

    type: str = "Percent"
    """`Percent` or `Pods`."""
    value: int
    """The number of available canary pods, or the percentage of those wanted."""


class CanaryStrategy(Spec):
    """Shift traffic or replicas step by step; without steps this is a rolling update."""

    canary_service: str = ""
    """The Service of the new version's pods; the engine writes its selector."""
    stable_service: str = ""
    """The Service of the stable version's pods; the engine writes its selector."""
    steps: tuple[CanaryStep, ...] = ()
    """What happens in order; the update is done after the last step."""
    traffic_routing: RolloutTrafficRouting | None = None
    """The router that splits requests; without it the split is by the number of pods."""
    max_surge: IntOrString | None = None
    """Pods above the wanted number, rounded up; 25 % by default."""
    max_unavailable: IntOrString | None = None
    """Pods below the wanted number, rounded down; 25 % by default."""
    analysis: RolloutAnalysisBackground | None = None
    """An analysis that runs beside the steps and aborts the update when it fails."""
    anti_affinity: AntiAffinity | None = None
    """How strictly new pods keep off the nodes of the stable ones: exactly one of the two."""
    canary_metadata: PodTemplateMetadata | None = None
    """Labels and annotations of the pods while they are the canary."""
    stable_metadata: PodTemplateMetadata | None = None
    """Labels and annotations of the pods while they are stable."""
    scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the old pods stay after promotion, 30 by default; only with trafficRouting."""
    scale_down_delay_revision_limit: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """How many old revisions may wait for their scale-down at once; no limit by default."""
    abort_scale_down_delay_seconds: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds that the canary stays after an abort, 30 by default; 0 keeps it. Only with trafficRouting."""
    dynamic_stable_scale: bool = False
    """Shrink the stable version as the canary grows; false by default, and only with trafficRouting."""
    ping_pong: PingPongSpec | None = None
    """Two Services that take turns as canary and stable."""
    min_pods_per_replica_set: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """The fewest pods of a version that has any at all; only with trafficRouting."""
    replica_progress_threshold: ReplicaProgressThreshold | None = None
    """How many canary pods must be available for a step to be done; all by default."""
