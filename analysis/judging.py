"""The judges of metrics: each from a finished look to what it makes of it. Pure.

Not for: the arithmetic, which is in `analysis.judges`; missing data and time, which `analysis.looks` asks
about first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from analysis import judgement, policies
from analysis.judgement import JUDGE, VERDICT, Judged
from analysis.judges.consecutive import check
from analysis.judges.kayenta import Classification, NoSeries, classify_metric, read_series
from analysis.judges.kayenta import evidence as by_rank
from analysis.judges.kayenta.classify import Label
from analysis.judges.sequential.judge import judge as compare
from analysis.validation import matching
from analysis.values import decode
from rollouts.api.analysis import (
    AnalysisPhase,
    AnalysisRun,
    Evidence,
    Measurement,
    Metric,
    MetricResult,
)
from rollouts.api.judges import ConsecutiveJudge, Judge, KayentaJudge, SequentialJudge

ALPHA = 0.05
"""The share of healthy canaries that the sequential metrics of a run may fail together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A finished measurement that is not judged yet, and what it is judged by."""

    run: AnalysisRun
    metric: Metric
    measurement: Measurement
    before: MetricResult | None
    """What has been measured before."""
    since: datetime
    """The beginning of the time that the value counts for."""
    until: datetime
    """Its end."""
    now: datetime

    def ends(self, phase: AnalysisPhase, message: str) -> Measurement:
        """The measurement with its phase."""
        return self.measurement.model_copy(update={"phase": phase, "message": message})

    def remembered(self) -> str:
        """What the judge has to remember of the looks before."""
        return self.before.metadata.get(JUDGE, "") if self.before else ""

    def number(self) -> int:
        """Which look that is judged this is, from 1."""
        return self.before.count + 1 if self.before else 1


def verdict(look: Look) -> Judged | str:
    """What the judge of the metric makes of a look. A text instead is why the look is no data after all."""
    spec = look.metric.judge or Judge()
    if spec.consecutive is not None:
        return consecutive(look, spec.consecutive)
    if spec.kayenta is not None:
        return kayenta(look, spec.kayenta)
    if spec.sequential is not None:
        return sequential(look, spec.sequential)
    return threshold(look)


def told(look: Look, measurement: Measurement, reason: str = "") -> Judged:
    """A measurement that has its phase, and why; what was counted before stays in the evidence."""
    query = judgement.asked(look.metric, measurement)
    known = look.before.evidence if look.before else None
    evidence = (known or Evidence()).model_copy(
        update={
            "judge": policies.judge_name(look.metric),
            "query": query or (known.query if known else ""),
            "reason": reason or measurement.message or f"{measurement.phase}, says the source",
        }
    )
    return Judged(measurement=measurement, evidence=evidence)


def threshold(look: Look) -> Judged:
    """By the two conditions."""
    judged = judgement.judge(look.metric, look.measurement, look.now)
    return told(look, judged, judgement.reason(look.metric, judged))


def consecutive(look: Look, config: ConsecutiveJudge) -> Judged:
    """By a range; errors and no data are failed checks as well."""
    error = look.measurement.message if look.measurement.phase == "Error" else ""
    value = decode(look.measurement.value)
    checked = check(config, _failed(look.remembered()), value, looks=look.number(), error=error)
    phase: AnalysisPhase = "Successful" if checked.good else "Failed"
    notes = {JUDGE: json.dumps({"failed": checked.failed})}
    return Judged(
        measurement=look.ends(phase, look.measurement.message if checked.good else checked.evidence.reason),
        notes=notes | ({VERDICT: "Failed"} if checked.over else {}),
        evidence=_asked(look, checked.evidence),
    )


def _failed(memory: str) -> int:
    body = _object(memory)
    failed = body.get("failed")
    return failed if isinstance(failed, int) and failed > 0 else 0


_OF_LABEL: Mapping[str, AnalysisPhase] = {
    "Pass": "Successful",
    "High": "Failed",
    "Low": "Failed",
    "NodataFailMetric": "Failed",
    "Nodata": "Inconclusive",
    "Error": "Error",
}


def kayenta(look: Look, config: KayentaJudge) -> Judged:
    """By rank; the score of all such metrics decides the run (`analysis.scoring`)."""
    try:
        series = read_series(decode(look.measurement.value))
    except NoSeries as error:
        return told(look, look.ends("Error", str(error)))
    found = classify_metric(look.metric.name, config, series.experiment, series.control)
    note = {"label": found.label, "critical": found.critical, "reason": found.reason[:500]}
    return Judged(
        measurement=look.ends(_OF_LABEL[found.label], found.reason),
        notes={JUDGE: json.dumps(note)},
        evidence=_asked(look, by_rank(found, series.against, looks=look.number())),
    )


def classification(metric: Metric, result: MetricResult) -> Classification | None:
    """What the kayenta judge made of the newest look that it judged; None before the first."""
    config = metric.judge.kayenta if metric.judge else None
    if config is None:
        return None
    body = _object(result.metadata.get(JUDGE, ""))
    label = body.get("label")
    if not isinstance(label, str) or label not in _OF_LABEL:
        return None
    return Classification(
        metric.name,
        cast("Label", label),
        str(body.get("reason", "")),
        critical=body.get("critical") is True,
        muted=config.muted,
        groups=config.groups or (metric.name,),
    )


def phase_of(found: Classification) -> AnalysisPhase:
    """The phase of a metric of the kayenta judge by itself."""
    return _OF_LABEL[found.label]


def sequential(look: Look, config: SequentialJudge) -> Judged | str:
    """By counts of canary and reference; the conditions beside it are further guards on the value.

    A look that says nothing, or says again what was counted, is no data: the text says why.
    """
    share = alpha(look.run, look.metric)
    memory, found = compare(config, share, look.remembered(), look.measurement.value, look.until)
    if found.look in ("noData", "late"):
        return found.reason
    if found.look == "invalid" or found.evidence is None:
        return told(look, look.ends("Error", found.reason))
    notes, evidence = {JUDGE: memory}, _asked(look, found.evidence)
    if found.outcome == "failed":
        measurement = look.ends("Failed", found.reason)
        return Judged(
            measurement=measurement, notes=notes | {VERDICT: "Failed"}, evidence=evidence, proven=False
        )
    judged = Judged(
        measurement=look.ends("Successful", found.reason),
        notes=notes,
        evidence=evidence,
        proven=found.outcome == "proven",
    )
    guard = _guard(look)
    if guard.phase == "Successful":
        return judged
    reason = guard.message or judgement.reason(look.metric, guard)
    evidence = evidence.model_copy(update={"reason": f"{reason}; {evidence.reason}"})
    return replace(judged, measurement=look.ends(guard.phase, reason), evidence=evidence, proven=False)


def _guard(look: Look) -> Measurement:
    """By the conditions; without any, everything is good."""
    if look.metric.success_condition or look.metric.failure_condition:
        return judgement.judge(look.metric, look.measurement, look.now)
    return look.ends("Successful", "")


def alpha(run: AnalysisRun, metric: Metric) -> float:
    """The share of healthy canaries that this metric may fail.

    What a metric does not set itself is split evenly over the sequential metrics of the run that have a say.
    """
    config = metric.judge.sequential if metric.judge else None
    if config is not None and config.alpha is not None:
        return config.alpha
    names = [each.name for each in run.spec.metrics]
    dry = matching([rule.metric_name for rule in run.spec.dry_run], names, "dryRun")
    counted = [each for each in run.spec.metrics if policies.is_sequential(each) and each.name not in dry]
    return ALPHA / max(len(counted), 1)


def _asked(look: Look, evidence: Evidence) -> Evidence:
    return evidence.model_copy(update={"query": judgement.asked(look.metric, look.measurement)})


def _object(memory: str) -> dict[str, Any]:
    """What was written as an object; a text that a hand has been at is as good as none."""
    try:
        body = json.loads(memory) if memory else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def noting(judged: Judged, notes: Mapping[str, str]) -> Judged:
    """With further notes, which those of the judge go before."""
    return replace(judged, notes={**notes, **judged.notes})
