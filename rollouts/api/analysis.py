"""AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun."""

from typing import Literal

from pydantic import Field

from rollouts.api.judges import Judge, Score
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
    """How many to keep; 10 where it is 0 or less, and for metrics that no entry matches."""


class SecretKeyRef(Spec):
    """A key of a Secret."""

    name: str
    """The name of the Secret, in the namespace of the run."""
    key: str
    """The key whose value is taken."""


class ArgumentFieldRef(Spec):
    """A path into the owner of the run."""

    field_path: str
    """A path such as `metadata.labels['team']`."""


class ValueFrom(Spec):
    """Where an argument takes its value: exactly one of the two."""

    secret_key_ref: SecretKeyRef | None = None
    """A key of a Secret; its value is never shown in status, events or logs."""
    field_ref: ArgumentFieldRef | None = None
    """A field of the owner of the run."""


class Argument(Spec):
    """A value that `{{args.name}}` stands for."""

    name: str
    """The name that metrics use it by."""
    value: str | None = None
    """The value; without one, whoever starts the run must give it."""
    value_from: ValueFrom | None = None
    """Where to take the value: exactly one of secretKeyRef and fieldRef."""


class Metric(Spec):
    """One thing to measure, and what the value must satisfy."""

    name: str
    """A name for the metric, unique in the run."""
    interval: str = ""
    """Time between two measurements, such as `30s`; needed for more than one."""
    initial_delay: str = ""
    """Time to wait before the first measurement, such as `1m`; none by default."""
    count: IntOrString | None = None
    """How many measurements to take; 1 by default, or no end where an interval is set."""
    success_condition: str = ""
    """An expression over `result` that a good value makes true, such as `result[0] >= 0.95`."""
    failure_condition: str = ""
    """An expression over `result` that a bad value makes true."""
    failure_limit: IntOrString | None = None
    """How many failed measurements are borne; 0 by default, and -1 bears any number."""
    inconclusive_limit: IntOrString | None = None
    """How many inconclusive measurements are borne; 0 by default."""
    consecutive_error_limit: IntOrString | None = None
    """How many errors in a row are borne; 4 by default."""
    consecutive_success_limit: IntOrString | None = None
    """Succeed as soon as so many measurements in a row did; 0 by default turns that off."""
    provider: MetricProvider = MetricProvider()
    """Where the value comes from: exactly one provider."""
    judge: Judge | None = None
    """Additive to upstream: who turns values into a verdict; the two conditions by default."""
    on_no_data: Literal["", "wait", "inconclusive", "fail", "success"] = ""
    """Additive: what a measurement without data is. By default what upstream makes of it, which is never a
    success; for built-in metrics and judges that compare wait, and inconclusive after noDataDeadline."""
    no_data_deadline: str = ""
    """Additive: how long `wait` waits for data, and startOn for its start, before the metric is Inconclusive;
    10m by default."""
    min_samples: IntOrString | None = None
    """Additive: fewer samples than this (requests, or points of a series) are no data; 1 by default."""
    start_on: Literal["", "firstTraffic", "podsReady", "stepStart"] = ""
    """Additive: when the clock of this metric starts: once requests reach the canary, once its pods are
    ready, or with the run, which is the default (for the sequential judge: firstTraffic)."""
    warm_up: str = ""
    """Additive: time after that start whose values are not judged, such as `2m`; none by default, and 2m
    for the sequential judge."""


class AnalysisTemplateRef(Spec):
    """Another template whose metrics join this one's."""

    template_name: str = ""
    """The name of the template."""
    cluster_scope: bool = False
    """Look for a ClusterAnalysisTemplate; false by default."""


class AnalysisTemplateSpec(Spec):
    """Metrics and the arguments they take."""

    metrics: tuple[Metric, ...] = ()
    """What to measure."""
    score: Score | None = None
    """Additive to upstream: how metrics with the kayenta judge come to one verdict."""
    args: tuple[Argument, ...] = ()
    """The arguments that metrics refer to as `{{args.name}}`."""
    dry_run: tuple[DryRun, ...] = ()
    """Metrics that are measured without a say in the verdict."""
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    """How many measurements of a metric are kept, where 10 are too many or too few."""
    templates: tuple[AnalysisTemplateRef, ...] = ()
    """Other templates whose metrics and arguments are added."""


class AnalysisTemplate(Spec):
    """An analysis that rollouts of a namespace can ask for."""

    api_version: str = API_VERSION
    """`argoproj.io/v1alpha1`."""
    kind: str = "AnalysisTemplate"
    """`AnalysisTemplate`."""
    metadata: ObjectMeta = ObjectMeta()
    """The name, the namespace, labels and annotations."""
    spec: AnalysisTemplateSpec
    """What to measure, and with which arguments."""


class ClusterAnalysisTemplate(AnalysisTemplate):
    """An analysis that every namespace can ask for."""

    kind: str = "ClusterAnalysisTemplate"
    """`ClusterAnalysisTemplate`."""


class TTLStrategy(Spec):
    """Seconds after which a finished run is deleted."""

    seconds_after_completion: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds after the end, whatever it was; kept without this or one of the others."""
    seconds_after_failure: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds after a failure, instead of secondsAfterCompletion."""
    seconds_after_success: int | None = Field(default=None, ge=0, le=MAX_INT32)
    """Seconds after a success, instead of secondsAfterCompletion."""


class RunBaseline(Spec):
    """Fresh pods of the stable version that a canary is compared with."""

    service: str = ""
    """The Service of these pods."""
    pod_template_hash: str = ""
    """Their `rollouts-pod-template-hash`."""


class Milestones(Spec):
    """When what metrics may wait for came about; written by the rollout's controller."""

    pods_ready: Time | None = None
    """When the canary's pods (and the baseline's) were ready."""
    first_traffic: Time | None = None
    """When the route gave the canary its first share of the traffic."""


class AnalysisRunSpec(Spec):
    """The metrics of one run, with its arguments."""

    metrics: tuple[Metric, ...] = ()
    """What to measure."""
    score: Score | None = None
    """Additive to upstream: how metrics with the kayenta judge come to one verdict."""
    baseline: RunBaseline | None = None
    """Additive: compare with these pods instead of the stable ones."""
    milestones: Milestones | None = None
    """Additive: when pods were ready and traffic came, for metrics that wait for it."""
    args: tuple[Argument, ...] = ()
    """The arguments, with their values."""
    terminate: bool = False
    """Stop the run; set it to end a run early."""
    dry_run: tuple[DryRun, ...] = ()
    """Metrics that are measured without a say in the verdict."""
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    """How many measurements of a metric are kept, where 10 are too many or too few."""
    ttl_strategy: TTLStrategy | None = None
    """When the finished run is deleted; never by default."""


class Measurement(Status):
    """One value, or one attempt at it."""

    phase: AnalysisPhase = ""
    """What this measurement came to."""
    message: str = ""
    """Why, where that needs words."""
    started_at: Time | None = None
    """When it began."""
    finished_at: Time | None = None
    """When it ended."""
    value: str = ""
    """The value, as text."""
    metadata: dict[str, str] = {}
    """What the provider adds, such as the query with its arguments filled in."""
    resume_at: Time | None = None
    """When to ask again for a measurement that takes longer."""


class ArmCounts(Status):
    """What was counted of one side of a comparison."""

    requests: float = 0
    """Requests, or points of a series."""
    bad: float | None = None
    """How many of them were errors, or slower than the bucket that tells most; None for a plain series."""


class Evidence(Status):
    """What a verdict rests on."""

    judge: str = ""
    """`threshold`, `consecutive`, `kayenta` or `sequential`."""
    against: str = ""
    """What the canary was compared with: `stable`, `baseline`, or nothing."""
    query: str = ""
    """What was asked, with public arguments filled in."""
    canary: ArmCounts | None = None
    """Counts of the canary over all looks."""
    reference: ArmCounts | None = None
    """Counts of what it was compared with."""
    ratio: float | None = None
    """How many times as bad the canary is."""
    ratio_at_least: float | None = None
    """The least ratio that the data leave possible, at all looks together; None for no bound."""
    ratio_at_most: float | None = None
    """The greatest ratio that the data leave possible, at all looks together; None for no bound."""
    harm: float | None = None
    """The evidence (e-value) that the canary is worse than acceptable."""
    harm_threshold: float | None = None
    """The e-value at which it is failed: one over its share of alpha."""
    proof: float | None = None
    """The evidence (e-value) that it is good enough."""
    proof_threshold: float | None = None
    """The e-value at which that is proven."""
    looks: int = 0
    """How often it was looked at."""
    reason: str = ""
    """The verdict in one sentence."""


class MetricResult(Status):
    """The measurements of one metric and what they came to."""

    name: str
    """The name of the metric."""
    phase: AnalysisPhase = ""
    """What the metric came to."""
    measurements: tuple[Measurement, ...] = ()
    """The newest measurements."""
    message: str = ""
    """Why, where that needs words."""
    count: int = 0
    """How many measurements ended, without those in error."""
    successful: int = 0
    """How many measurements succeeded."""
    failed: int = 0
    """How many measurements failed."""
    inconclusive: int = 0
    """How many measurements were inconclusive."""
    error: int = 0
    """How many attempts ended in an error."""
    consecutive_error: int = 0
    """How many of the newest attempts in a row were errors."""
    consecutive_success: int = 0
    """How many of the newest measurements in a row succeeded."""
    dry_run: bool = False
    """This metric has no say in the verdict."""
    metadata: dict[str, str] = {}
    """What the provider adds for the metric as a whole."""
    evidence: Evidence | None = None
    """Additive to upstream: what the newest verdict rests on."""
    proven: bool = False
    """Additive: the canary is proven not to be worse than proveRatio."""


class RunSummary(Status):
    """How many metrics ended how."""

    count: int = 0
    """How many metrics there are."""
    successful: int = 0
    """How many metrics succeeded."""
    failed: int = 0
    """How many metrics failed."""
    inconclusive: int = 0
    """How many metrics were inconclusive."""
    error: int = 0
    """How many metrics ended in an error."""


class AnalysisRunStatus(Status):
    """What the run came to."""

    phase: AnalysisPhase = ""
    """What the run has come to."""
    message: str = ""
    """Why, where that needs words."""
    started_at: Time | None = None
    """When the run began."""
    completed_at: Time | None = None
    """When the run ended."""
    metric_results: tuple[MetricResult, ...] = ()
    """The metrics one by one."""
    run_summary: RunSummary = RunSummary()
    """How the metrics with a say ended."""
    dry_run_summary: RunSummary | None = None
    """How the metrics without a say ended."""
    terminated: bool = False
    """Additive to upstream: the run was ended before its time; nothing is promoted on it."""
    proven: bool = False
    """Additive: every metric with a say that can prove the canary good has done so, and there is one."""


class AnalysisRun(Spec):
    """One analysis under way or done."""

    api_version: str = API_VERSION
    """`argoproj.io/v1alpha1`."""
    kind: str = "AnalysisRun"
    """`AnalysisRun`."""
    metadata: ObjectMeta = ObjectMeta()
    """The name, the namespace, labels and annotations."""
    spec: AnalysisRunSpec = Field(default=AnalysisRunSpec())
    """What is measured, with every argument filled in."""
    status: AnalysisRunStatus = AnalysisRunStatus()
    """What was measured, and the verdict."""
