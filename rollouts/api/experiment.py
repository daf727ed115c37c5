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
    """A name for this version, unique in the experiment."""
    replicas: int | None = None
    """1 by default."""
    min_ready_seconds: int = 0
    """Seconds that a pod must stay ready before it counts as available; 0 by default."""
    selector: LabelSelector
    """Which pods belong to this version."""
    template: Object = Field(json_schema_extra=OPEN)
    """The pod template."""
    service: TemplateService | None = None
    """Give the version a Service of its own."""


class ExperimentAnalysisTemplateRef(Spec):
    """An analysis that runs while the experiment does."""

    name: str
    """A name for this analysis, unique in the experiment."""
    template_name: str
    """The name of the template."""
    cluster_scope: bool = False
    """Look for a ClusterAnalysisTemplate; false by default."""
    args: tuple[Argument, ...] = ()
    """Values for the arguments of the template."""
    required_for_completion: bool = False
    """The experiment does not end before this analysis does."""


class ExperimentSpec(Spec):
    """What to run, for how long, and how to judge it."""

    templates: tuple[TemplateSpec, ...]
    """The versions to run side by side."""
    duration: str = ""
    """From the moment all versions are available; without it, until the analyses end."""
    progress_deadline_seconds: int | None = None
    """600 by default."""
    terminate: bool = False
    """End the experiment; set it to end one early."""
    analyses: tuple[ExperimentAnalysisTemplateRef, ...] = ()
    """The analyses that judge the experiment."""
    scale_down_delay_seconds: int | None = None
    """30 by default."""
    dry_run: tuple[DryRun, ...] = ()
    """Metrics that are measured without a say in the verdict."""
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    """How many measurements of a metric are kept, where 10 are too many or too few."""
    analysis_run_metadata: AnalysisRunMetadata | None = None
    """Labels and annotations for the AnalysisRuns."""


class TemplateStatus(Status):
    """How one version is doing."""

    name: str
    """The name of the version."""
    replicas: int = 0
    """Pods of the version."""
    updated_replicas: int = 0
    """Pods that have its template."""
    ready_replicas: int = 0
    """Pods that are ready."""
    available_replicas: int = 0
    """Pods that are available."""
    collision_count: int | None = None
    """How often the name of its ReplicaSet was taken and another had to be made."""
    status: str = ""
    """`Progressing`, `Running`, `Successful`, `Failed` or `Error`."""
    message: str = ""
    """Why, where that needs words."""
    last_transition_time: Time | None = None
    """When its status changed last."""
    service_name: str = ""
    """The Service that was made for it."""
    pod_template_hash: str = ""
    """The hash that its pods are labelled with."""


class ExperimentAnalysisRunStatus(Status):
    """How one analysis is doing."""

    name: str
    """The name of the analysis in the experiment."""
    analysis_run: str = ""
    """The name of the AnalysisRun."""
    phase: AnalysisPhase = ""
    """The phase of the AnalysisRun."""
    message: str = ""
    """What the AnalysisRun says of itself."""


class ExperimentStatus(Status):
    """How the experiment is doing."""

    phase: AnalysisPhase = ""
    """What the experiment has come to."""
    message: str = ""
    """Why, where that needs words."""
    available_at: Time | None = None
    """When all versions were available."""
    template_statuses: tuple[TemplateStatus, ...] = ()
    """The versions one by one."""
    analysis_runs: tuple[ExperimentAnalysisRunStatus, ...] = ()
    """The analyses one by one."""
    conditions: tuple[Condition, ...] = ()
    """Aspects of the experiment, such as Progressing and Completed."""


class Experiment(Spec):
    """Versions of a workload that run side by side and are judged."""

    api_version: str = API_VERSION
    """`argoproj.io/v1alpha1`."""
    kind: str = "Experiment"
    """`Experiment`."""
    metadata: ObjectMeta = ObjectMeta()
    """The name, the namespace, labels and annotations."""
    spec: ExperimentSpec
    """What is wanted."""
    status: ExperimentStatus = ExperimentStatus()
    """What it came to."""
