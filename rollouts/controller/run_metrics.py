"""Prometheus metrics of analysis runs: upstream's, and measured values and evidence by rollout and metric.

All of it is read from the objects at each scrape, so that series vanish with their run. Values are numbers
alone, so that no secret is in them; a label holds names that users gave.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from analysis.values import decode
from rollouts.api.meta import Object

MAX_ROWS = 20_000
"""Series of one family. What is more is left out and counted in `analysis_series_left_out`."""
_OBJECT = ("namespace", "name")
_METRIC = ("namespace", "rollout", "metric")
_TYPES = {
    "prometheus": "Prometheus",
    "web": "WebMetric",
    "job": "Job",
    "datadog": "Datadog",
    "newRelic": "NewRelic",
    "wavefront": "Wavefront",
    "kayenta": "Kayenta",
    "cloudWatch": "CloudWatch",
    "graphite": "Graphite",
    "influxdb": "Influxdb",
    "skywalking": "SkyWalking",
}
"""Upstream's names; of others it is the one that the spec has."""
_EVIDENCE = {
    "harm": "The evidence (e-value) that the canary is worse than acceptable.",
    "harmThreshold": "The e-value of harm at which the canary is failed.",
    "proof": "The evidence (e-value) that the canary is good enough.",
    "proofThreshold": "The e-value of proof at which that is proven.",
    "ratio": "How many times as bad as the reference the canary is.",
    "looks": "How often the judge looked.",
}

Row = tuple[tuple[str, ...], float]


def run_metrics(runs: Sequence[Object], templates: Sequence[Object]) -> Iterator[Metric]:
    """The families of runs and templates.

    Args:
        runs: AnalysisRuns as the API gave them; they may be invalid.
        templates: AnalysisTemplates and ClusterAnalysisTemplates.
    """
    left_out = 0
    for name, text, labels, rows in (*_as_upstream(runs), *_of_templates(templates), *_measured(runs)):
        family = GaugeMetricFamily(name, text, labels=labels)
        for count, (values, value) in enumerate(rows):
            if count < MAX_ROWS:
                family.add_metric(values, value)
            else:
                left_out += 1
        yield family
    text = f"Series of analyses beyond {MAX_ROWS} in one family."
    yield GaugeMetricFamily("analysis_series_left_out", text, value=left_out)


Family = tuple[str, str, tuple[str, ...], Iterable[Row]]


def _as_upstream(runs: Sequence[Object]) -> Iterator[Family]:
    rows: Iterable[Row] = [((*_names(run), _text(run, "status", "phase")), 1) for run in runs]
    yield "analysis_run_info", "An analysis run and its phase.", (*_OBJECT, "phase"), rows
    typed = [(run, metric, _type(metric)) for run in runs for metric in _list(run, "spec", "metrics")]
    rows = [((*_names(run), str(metric.get("name", "")), type_), 1) for run, metric, type_ in typed]
    labels: tuple[str, ...] = (*_OBJECT, "metric", "type")
    yield "analysis_run_metric_type", "The provider of each metric of a run.", labels, rows
    types = {(*_names(run), metric.get("name")): type_ for run, metric, type_ in typed}
    rows = [
        (
            (
                *_names(run),
                str(result["name"]),
                types.get((*_names(run), result["name"]), ""),
                str(bool(result.get("dryRun"))).lower(),
                str(result["phase"]),
            ),
            1,
        )
        for run in runs
        for result in _list(run, "status", "metricResults")
        if result.get("phase")
    ]
    labels = (*_OBJECT, "metric", "type", "dry_run", "phase")
    yield "analysis_run_metric_phase", "The phase of each metric of a run.", labels, rows


def _of_templates(templates: Sequence[Object]) -> Iterator[Family]:
    rows: Iterable[Row] = [(_names(each), 1) for each in templates]
    yield "analysis_template_info", "An analysis template.", _OBJECT, rows
    rows = [
        ((*_names(each), _type(metric), str(metric.get("name", ""))), 1)
        for each in templates
        for metric in _list(each, "spec", "metrics")
    ]
    labels = (*_OBJECT, "type", "metric")
    yield "analysis_template_metric_info", "The metrics of an analysis template.", labels, rows


def _measured(runs: Sequence[Object]) -> Iterator[Family]:
    """By rollout and metric, of the newest run that has measured it: as many series as there are metrics."""
    newest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for run in sorted(runs, key=_began):
        for result in _list(run, "status", "metricResults"):
            newest[run["metadata"].get("namespace", ""), _rollout(run), str(result["name"])] = result
    known = sorted(newest.items())
    rows: Iterable[Row] = [(key, number) for key, result in known if (number := _value(result)) is not None]
    yield "rollout_analysis_value", "The newest measured value, where it is one number.", _METRIC, rows
    rows = [((*key, str(result.get("phase", ""))), 1) for key, result in known]
    yield "rollout_analysis_phase", "What the newest run came to for a metric.", (*_METRIC, "phase"), rows
    for field, text in _EVIDENCE.items():
        rows = [(key, number) for key, result in known if (number := _evidence(result, field)) is not None]
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)
        yield f"rollout_analysis_{name}", text, _METRIC, rows


def _value(result: Mapping[str, Any]) -> float | None:
    for measurement in reversed(result.get("measurements") or ()):
        if measurement.get("value"):
            value = decode(str(measurement["value"]))
            return _number(value[0] if isinstance(value, list) and len(value) == 1 else value)
    return None


def _evidence(result: Mapping[str, Any], field: str) -> float | None:
    return _number((result.get("evidence") or {}).get(field))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _rollout(run: Object) -> str:
    """The rollout that a run belongs to; the empty text for a run by itself."""
    owners = run["metadata"].get("ownerReferences") or ()
    return next((str(owner["name"]) for owner in owners if owner.get("kind") == "Rollout"), "")


def _began(run: Object) -> tuple[str, str]:
    return _text(run, "status", "startedAt"), run["metadata"]["name"]


def _type(metric: Mapping[str, Any]) -> str:
    provider = metric.get("provider") or {}
    names = [*(name for name in provider if name != "plugin"), *(provider.get("plugin") or {})]
    return _TYPES.get(names[0], names[0]) if names else ""


def _names(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _text(obj: Object, part: str, field: str) -> str:
    return str((obj.get(part) or {}).get(field, ""))


def _list(obj: Object, part: str, field: str) -> Sequence[Mapping[str, Any]]:
    return (obj.get(part) or {}).get(field) or ()
