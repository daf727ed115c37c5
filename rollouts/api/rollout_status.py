"""What the engine reports of a Rollout."""

from typing import Any

from pydantic import Field

from rollouts.api.meta import OPEN, Condition, Status, Time


class PauseCondition(Status):
    """Why and since when the rollout waits. A user resumes it by removing the entry."""

    reason: str
    """`CanaryPauseStep`, `BlueGreenPause` or `InconclusiveAnalysisRun`. Additive to upstream:
    `FailedAnalysisRun`, `ErrorAnalysisRun`, `UnprovenAnalysisRun`, `TerminatedAnalysisRun` and
    `UnprovenPauseStep`."""
    start_time: Time
    """When the wait began."""


class AnalysisRunStatusRef(Status):
    """The analysis that counts at the moment."""

    name: str
    """The name of the AnalysisRun."""
    status: str = ""
    """The phase of the AnalysisRun."""
    message: str = ""
    """What the AnalysisRun says of itself."""


class WeightDestination(Status):
    """Where a share of the traffic goes."""

    weight: int
    """The share, out of maxTrafficWeight (100 by default)."""
    service_name: str = ""
    """The Service that the share goes to."""
    pod_template_hash: str = ""
    """The revision that the share goes to."""


class TrafficWeights(Status):
    """The shares of the traffic as the routers carry them."""

    canary: WeightDestination
    """The share of the new version."""
    stable: WeightDestination
    """The share of the stable version."""
    additional: tuple[WeightDestination, ...] = ()
    """The shares of baseline pods and experiments."""
    verified: bool | None = None
    """Whether the router was seen to apply the weights; unset where it cannot be asked."""


class StepPluginStatus(Status):
    """Progress of a step that a plugin runs."""

    index: int
    """The index of the step."""
    name: str
    """The name of the plugin."""
    operation: str = ""
    """`Run`, `Terminate` or `Abort`."""
    phase: str = ""
    """`Running`, `Successful`, `Failed` or `Error`."""
    message: str = ""
    """What the plugin says."""
    started_at: Time | None = None
    """When the plugin was first called."""
    updated_at: Time | None = None
    """When the plugin was last called."""
    finished_at: Time | None = None
    """When the plugin was done."""
    backoff: str = ""
    """The time until the plugin is called again."""
    executions: int = 0
    """How often the plugin was called."""
    disabled: bool = False
    """The plugin is switched off, and the step is passed over."""
    status: Any = Field(default=None, json_schema_extra=OPEN)
    """What the plugin wants to find again at its next call."""


class CanaryStatus(Status):
    """Progress of a canary."""

    weights: TrafficWeights | None = None
    """The shares of the traffic."""
    current_step_analysis_run_status: AnalysisRunStatusRef | None = None
    """The analysis of the current step."""
    current_background_analysis_run_status: AnalysisRunStatusRef | None = None
    """The analysis beside the steps."""
    current_experiment: str = ""
    """The name of the experiment of the current step."""
    stable_ping_pong: str = ""
    """`ping` or `pong`."""
    step_plugin_statuses: tuple[StepPluginStatus, ...] = ()
    """Progress of the steps that plugins run."""


class BlueGreenStatus(Status):
    """Progress of a blue/green update."""

    preview_selector: str = ""
    """The revision that the preview Service reaches."""
    active_selector: str = ""
    """The revision that the active Service reaches."""
    scale_up_preview_check_point: bool = False
    """The preview is being brought to full size after previewReplicaCount."""
    pre_promotion_analysis_run_status: AnalysisRunStatusRef | None = None
    """The analysis before the switch."""
    post_promotion_analysis_run_status: AnalysisRunStatusRef | None = None
    """The analysis after the switch."""


class AwsResourceRef(Status):
    """An AWS resource."""

    name: str
    """The name of the resource."""
    arn: str
    """The Amazon Resource Name."""
    full_name: str = ""
    """The part of the ARN that metrics are filed under."""


class ALBStatus(Status):
    """What was verified of an AWS load balancer."""

    load_balancer: AwsResourceRef | None = None
    """The load balancer."""
    canary_target_group: AwsResourceRef | None = None
    """The target group of the canary."""
    stable_target_group: AwsResourceRef | None = None
    """The target group of the stable version."""
    ingress: str = ""
    """The Ingress that the load balancer serves."""


class RolloutDuration(Status):
    """How long the update has taken, and how it ended."""

    rollout_started_at: Time | None = None
    """When the update began."""
    manual_pause_started_at: Time | None = None
    """When the pause under way began, if a human must end it."""
    total_manual_pause_duration_seconds: int | None = None
    """Seconds that humans were waited for, without the pause under way; none if they never were."""
    finished_at: Time | None = None
    """When the update ended."""
    completion_status: str = ""
    """`Promoted`, `FastPromoted`, `Aborted`, `RolledBack` or `FastRolledBack`: how it ended, or will if it
    goes on as it is."""


class RolloutStatus(Status):
    """What the engine last saw and decided."""

    abort: bool = False
    """The update is aborted, and the stable version serves; set it to abort, remove it to try again."""
    aborted_at: Time | None = None
    """When the update was aborted."""
    pause_conditions: tuple[PauseCondition, ...] = ()
    """Why the rollout waits; empty it to go on."""
    controller_pause: bool = False
    """The engine paused it; with no pause condition left, a user has resumed it."""
    current_pod_hash: str = ""
    """The revision that `.spec.template` stands for."""
    current_step_hash: str = ""
    """A fingerprint of the steps; when it changes, they begin anew."""
    stable_rs: str = Field(default="", alias="stableRS")
    """The revision that is fully promoted."""
    current_step_index: int | None = None
    """The step under way, counted from 0; the number of steps when all are done."""
    replicas: int = 0
    """Pods of any revision."""
    updated_replicas: int = 0
    """Pods of the current revision."""
    ready_replicas: int = 0
    """Pods that are ready."""
    available_replicas: int = 0
    """Pods that are available."""
    hpa_replicas: int = Field(default=0, alias="HPAReplicas")
    """Pods that count for an autoscaler."""
    selector: str = ""
    """The pods that an autoscaler looks at, as a label selector."""
    collision_count: int | None = None
    """How often the name of a ReplicaSet was taken and another had to be made."""
    observed_generation: str = ""
    """The generation of the spec that this status speaks of, as text."""
    conditions: tuple[Condition, ...] = ()
    """Aspects of the rollout, such as Available, Progressing and InvalidSpec."""
    canary: CanaryStatus = CanaryStatus()
    """Progress of a canary."""
    blue_green: BlueGreenStatus = BlueGreenStatus()
    """Progress of a blue/green update."""
    restarted_at: Time | None = None
    """The restartAt that is fulfilled."""
    progress_replicas: int = 0
    """The most pods of the current revision that were available at once: falling back and rising again is no
    progress. Not one of upstream's fields."""
    promote_full: bool = False
    """Skip what is left of steps, pauses and analysis; set it to promote at once."""
    phase: str = ""
    """`Healthy`, `Progressing`, `Paused` or `Degraded`."""
    message: str = ""
    """Why the phase is what it is."""
    workload_observed_generation: str = ""
    """The generation of the workload that workloadRef names."""
    alb: ALBStatus | None = None
    """What was verified of the load balancer."""
    albs: tuple[ALBStatus, ...] = ()
    """What was verified of each load balancer, where there are several."""
    duration: RolloutDuration | None = None
    """How long the update has taken, or the last one took."""
