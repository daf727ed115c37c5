"""AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun."""

from typing import Literal

from pydantic import Field

from rollouts.api.meta import API_VERSION, MAX_INT32, IntOrString, ObjectMeta, Spec, Status, Time
from rollouts.api.providers import MetricProvider

AnalysisPhase = Literal["", "Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"]


class DryRun(Spec):
    """Metrics that are measured and never judged."""

    metric_name: str
    """A regular expression, matched anywhere in the name."""


class MeasurementRetention(Spec):
    """How many measurements of a metric are kept."""

    metric_name: str
    """A regular expression, matched anywhere in the name."""
    limit: int


class SecretKeyRef(Spec):
    """A key of a Secret."""

    name: str
    key: str


class ArgumentFieldRef(Spec):
    """A path into the owner of the run."""

    field_path: str


class ValueFrom(Spec):
    """Where an argument takes its value: exactly one of the two."""

    secret_key_ref: SecretKeyRef | None = None
    field_ref: ArgumentFieldRef | None = None


class Argument(Spec):
    """A value that `{{args.name}}` stands for."""

    name: str
    value: str | None = None
    value_from: ValueFrom | None = None


class Metric(Spec):
    """One thing to measure, and what the value must satisfy."""

    name: str
    interval: str = ""
    initial_delay: str = ""
    count: IntOrString | None = None
    success_condition: str = ""
    failure_condition: str = ""
    failure_limit: IntOrString | None = None
    inconclusive_limit: IntOrString | None = None
    consecutive_error_limit: IntOrString | None = None
    consecutive_success_limit: IntOrString | None = None
    provider: MetricProvider = MetricProvider()


class AnalysisTemplateRef(Spec):
    """Another template whose metrics join this one's."""

    template_name: str = ""
    cluster_scope: bool = False


class AnalysisTemplateSpec(Spec):
    """Metrics and the arguments they take."""

    metrics: tuple[Metric, ...] = ()
    args: tuple[Argument, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    templates: tuple[AnalysisTemplateRef, ...] = ()


class AnalysisTemplate(Spec):
    """An analysis that rollouts of a namespace can ask for."""

    api_version: str = API_VERSION
    kind: str = "AnalysisTemplate"
    metadata: ObjectMeta = ObjectMeta()
    spec: AnalysisTemplateSpec


class ClusterAnalysisTemplate(AnalysisTemplate):
    """An analysis that every namespace can ask for."""

    kind: str = "ClusterAnalysisTemplate"


class TTLStrategy(Spec):
    """Seconds after which a finished run is deleted."""

    seconds_after_completion: int | None = Field(default=None, ge=0, le=MAX_INT32)
    seconds_after_failure: int | None = Field(default=None, ge=0, le=MAX_INT32)
    seconds_after_success: int | None = Field(default=None, ge=0, le=MAX_INT32)


class AnalysisRunSpec(Spec):
    """The metrics of one run, with its arguments."""

    metrics: tuple[Metric, ...] = ()
    args: tuple[Argument, ...] = ()
    terminate: bool = False
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    ttl_strategy: TTLStrategy | None = None


class Measurement(Status):
    """One value, or one attempt at it."""

    phase: AnalysisPhase = ""
    message: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None
    value: str = ""
    metadata: dict[str, str] = {}
    resume_at: Time | None = None


class MetricResult(Status):
    """The measurements of one metric and what they came to."""

    name: str
    phase: AnalysisPhase = ""
    measurements: tuple[Measurement, ...] = ()
    message: str = ""
    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0
    dry_run: bool = False
    metadata: dict[str, str] = {}


class RunSummary(Status):
    """How many metrics ended how."""

    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0


class AnalysisRunStatus(Status):
    """What the run came to."""

    phase: AnalysisPhase = ""
    message: str = ""
    started_at: Time | None = None
    completed_at: Time | None = None
    metric_results: tuple[MetricResult, ...] = ()
    run_summary: RunSummary = RunSummary()
    dry_run_summary: RunSummary | None = None


class AnalysisRun(Spec):
    """One analysis under way or done."""

    api_version: str = API_VERSION
    kind: str = "AnalysisRun"
    metadata: ObjectMeta = ObjectMeta()
    spec: AnalysisRunSpec = Field(default=AnalysisRunSpec())
    status: AnalysisRunStatus = AnalysisRunStatus()
