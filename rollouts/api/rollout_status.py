"""What the engine reports of a Rollout."""

from typing import Any

from pydantic import Field

from rollouts.api.meta import OPEN, Condition, Status, Time


class PauseCondition(Status):
    """Why and since when the rollout waits. A user resumes it by removing the entry."""

    reason: str
    start_time: Time


class AnalysisRunStatusRef(Status):
    """The analysis that counts at the moment."""

    name: str
    status: str = ""
    message: str = ""


class WeightDestination(Status):
    """Where a share of the traffic goes."""

    weight: int
    service_name: str = ""
    pod_template_hash: str = ""


class TrafficWeights(Status):
    """The shares of the traffic as the routers carry them."""

    canary: WeightDestination
    stable: WeightDestination
    additional: tuple[WeightDestination, ...] = ()
    verified: bool | None = None


class StepPluginStatus(Status):
    """Progress of a step that a plugin runs."""

    index: int
    name: str
    operation: str = ""
    """`Run`, `Terminate` or `Abort`."""
    phase: str = ""
    """`Running`, `Successful`, `Failed` or `Error`."""
    message: str = ""
    started_at: Time | None = None
    updated_at: Time | None = None
    finished_at: Time | None = None
    backoff: str = ""
    executions: int = 0
    disabled: bool = False
    status: Any = Field(default=None, json_schema_extra=OPEN)


class CanaryStatus(Status):
    """Progress of a canary."""

    weights: TrafficWeights | None = None
    current_step_analysis_run_status: AnalysisRunStatusRef | None = None
    current_background_analysis_run_status: AnalysisRunStatusRef | None = None
    current_experiment: str = ""
    stable_ping_pong: str = ""
    """`ping` or `pong`."""
    step_plugin_statuses: tuple[StepPluginStatus, ...] = ()


class BlueGreenStatus(Status):
    """Progress of a blue/green update."""

    preview_selector: str = ""
    active_selector: str = ""
    scale_up_preview_check_point: bool = False
    pre_promotion_analysis_run_status: AnalysisRunStatusRef | None = None
    post_promotion_analysis_run_status: AnalysisRunStatusRef | None = None


class AwsResourceRef(Status):
    """An AWS resource."""

    name: str
    arn: str
    full_name: str = ""


class ALBStatus(Status):
    """What was verified of an AWS load balancer."""

    load_balancer: AwsResourceRef | None = None
    canary_target_group: AwsResourceRef | None = None
    stable_target_group: AwsResourceRef | None = None
    ingress: str = ""


class RolloutDuration(Status):
    """How long the update has taken, and how it ended."""

    rollout_started_at: Time | None = None
    manual_pause_started_at: Time | None = None
    total_manual_pause_duration_seconds: int = 0
    finished_at: Time | None = None
    completion_status: str = ""
    """`Promoted`, `FastPromoted`, `Aborted`, `Superseded`, `RolledBack` or `FastRolledBack`."""


class RolloutStatus(Status):
    """What the engine last saw and decided."""

    abort: bool = False
    aborted_at: Time | None = None
    pause_conditions: tuple[PauseCondition, ...] = ()
    controller_pause: bool = False
    """The engine paused it; with no pause condition left, a user has resumed it."""
    current_pod_hash: str = ""
    current_step_hash: str = ""
    stable_rs: str = Field(default="", alias="stableRS")
    current_step_index: int | None = None
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    hpa_replicas: int = Field(default=0, alias="HPAReplicas")
    selector: str = ""
    collision_count: int | None = None
    observed_generation: str = ""
    conditions: tuple[Condition, ...] = ()
    canary: CanaryStatus = CanaryStatus()
    blue_green: BlueGreenStatus = BlueGreenStatus()
    restarted_at: Time | None = None
    progress_replicas: int = 0
    """The most pods of the current revision that were available at once: falling back and rising again is no
    progress. Not one of upstream's fields."""
    promote_full: bool = False
    phase: str = ""
    message: str = ""
    workload_observed_generation: str = ""
    alb: ALBStatus | None = None
    albs: tuple[ALBStatus, ...] = ()
    duration: RolloutDuration | None = None
