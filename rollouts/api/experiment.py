"""The Experiment resource: versions side by side for a while."""

from pydantic import Field

from rollouts.api.analysis import AnalysisPhase, Argument, DryRun, MeasurementRetention
from rollouts.api.canary import AnalysisRunMetadata, TemplateService
from rollouts.api.meta import (
    API_VERSION,
    OPEN,
    Condition,
    LabelSelector,
    Object,
    ObjectMeta,
    Spec,
    Status,
    Time,
)


class TemplateSpec(Spec):
    """One version to run."""

    name: str
    replicas: int | None = None
    """1 by default."""
    min_ready_seconds: int = 0
    selector: LabelSelector
    template: Object = Field(json_schema_extra=OPEN)
    service: TemplateService | None = None
    """Give the version a Service of its own."""


class ExperimentAnalysisTemplateRef(Spec):
    """An analysis that runs while the experiment does."""

    name: str
    template_name: str
    cluster_scope: bool = False
    args: tuple[Argument, ...] = ()
    required_for_completion: bool = False
    """The experiment does not end before this analysis does."""


class ExperimentSpec(Spec):
    """What to run, for how long, and how to judge it."""

    templates: tuple[TemplateSpec, ...]
    duration: str = ""
    """From the moment all versions are available; without it, until the analyses end."""
    progress_deadline_seconds: int | None = None
    """600 by default."""
    terminate: bool = False
    analyses: tuple[ExperimentAnalysisTemplateRef, ...] = ()
    scale_down_delay_seconds: int | None = None
    """30 by default."""
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    analysis_run_metadata: AnalysisRunMetadata | None = None


class TemplateStatus(Status):
    """How one version is doing."""

    name: str
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    collision_count: int | None = None
    status: str = ""
    """`Progressing`, `Running`, `Successful`, `Failed` or `Error`."""
    message: str = ""
    last_transition_time: Time | None = None
    service_name: str = ""
    pod_template_hash: str = ""


class ExperimentAnalysisRunStatus(Status):
    """How one analysis is doing."""

    name: str
    analysis_run: str = ""
    phase: AnalysisPhase = ""
    message: str = ""


class ExperimentStatus(Status):
    """How the experiment is doing."""

    phase: AnalysisPhase = ""
    message: str = ""
    available_at: Time | None = None
    template_statuses: tuple[TemplateStatus, ...] = ()
    analysis_runs: tuple[ExperimentAnalysisRunStatus, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Experiment(Spec):
    """Versions of a workload that run side by side and are judged."""

    api_version: str = API_VERSION
    kind: str = "Experiment"
    metadata: ObjectMeta = ObjectMeta()
    spec: ExperimentSpec
    status: ExperimentStatus = ExperimentStatus()
