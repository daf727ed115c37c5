"""What the judge and the policies of a metric must satisfy beyond their shape, alone and together."""

import math
from collections.abc import Iterator

from rollouts.api.analysis import Metric
from rollouts.api.duration_rules import TEMPLATED, duration_problems
from rollouts.api.errors import InvalidSpec
from rollouts.api.judges import ConsecutiveJudge, KayentaJudge, SequentialJudge
from rollouts.api.meta import dump
from rollouts.api.paths import wrong


def policy_problems(metric: Metric, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with when a metric is measured and what no data is."""
    yield from duration_problems(metric.no_data_deadline, f"{path}.noDataDeadline")
    if metric.warm_up not in ("0", "0s"):  # What turns the sequential judge's off.
        yield from duration_problems(metric.warm_up, f"{path}.warmUp")
    if metric.no_data_deadline and not _waits(metric):
        message = "nothing waits: set onNoData: wait, or startOn, or remove it"
        yield wrong(f"{path}.noDataDeadline", message, metric.no_data_deadline)
    samples = metric.min_samples
    if isinstance(samples, str) and TEMPLATED not in samples and not samples.isdigit():
        yield wrong(f"{path}.minSamples", "must be a number, or an argument such as {{args.n}}", samples)
    elif samples is not None and TEMPLATED not in str(samples) and int(samples) < 1:
        yield wrong(f"{path}.minSamples", "must be at least 1: no data is no sample", samples)
    if metric.provider.job is None:
        return
    for name in ("onNoData", "minSamples", "warmUp"):
        if name in (body := dump(metric)):
            yield wrong(f"{path}.{name}", "a Job is its own judge and has no value; remove it", body[name])


def judge_problems(metric: Metric, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with the judge of a metric, and with what stands beside it."""
    if metric.judge is None:
        return
    here = f"{path}.judge"
    given = list(metric.judge.model_fields_set)
    given = [str(name) for name in given if getattr(metric.judge, name) is not None]
    if len(given) != 1:
        known = "threshold, consecutive, kayenta or sequential"
        yield wrong(here, f"must be exactly one of {known}", ", ".join(sorted(given)) or "none")
        return
    judge = metric.judge
    if metric.provider.job is not None and judge.threshold is None:
        yield wrong(here, "a Job is its own judge; remove the judge, or use another provider", given[0])
    if judge.consecutive is not None:
        yield from _consecutive_problems(metric, judge.consecutive, path)
    if judge.kayenta is not None:
        yield from _kayenta_problems(metric, judge.kayenta, path)
    if judge.sequential is not None:
        yield from _sequential_problems(metric, judge.sequential, path)


def _consecutive_problems(metric: Metric, judge: ConsecutiveJudge, path: str) -> Iterator[InvalidSpec]:
    here = f"{path}.judge.consecutive"
    if judge.min is None and judge.max is None:
        yield InvalidSpec(here, "needs min or max: without them every value is good")
    for name, limit in (("min", judge.min), ("max", judge.max)):
        yield from _finite(limit, f"{here}.{name}")
    if judge.min is not None and judge.max is not None and judge.min > judge.max:
        yield wrong(f"{here}.min", f"must not be above max ({judge.max:g})", judge.min)
    if judge.threshold < 1:
        yield wrong(f"{here}.threshold", "must be at least 1", judge.threshold)
    yield from _beside(
        metric,
        path,
        "the consecutive judge has min, max and threshold for that",
        ("successCondition", "failureCondition", "failureLimit", "consecutiveErrorLimit"),
    )


def _kayenta_problems(metric: Metric, judge: KayentaJudge, path: str) -> Iterator[InvalidSpec]:
    here, effect = f"{path}.judge.kayenta", judge.effect_size
    if not judge.outliers.outlier_factor > 0:
        yield wrong(f"{here}.outliers.outlierFactor", "must be above 0", judge.outliers.outlier_factor)
    for name, value in dump(effect).items():
        if name == "measure":
            continue
        yield from _finite(value, f"{here}.effectSize.{name}")
        if value < 0 or (effect.measure == "cles" and value > 1):
            least = "from 0 to 1 for cles" if effect.measure == "cles" else "at least 0"
            yield wrong(f"{here}.effectSize.{name}", f"must be {least}", value)
    if metric.on_no_data not in ("", "wait"):
        message = "the kayenta judge has mustHaveData for that; use wait, or remove it"
        yield wrong(f"{path}.onNoData", message, metric.on_no_data)
    yield from _compares(metric, path, "kayenta")
    yield from _beside(
        metric,
        path,
        "the score decides about metrics of the kayenta judge",
        (
            "successCondition",
            "failureCondition",
            "failureLimit",
            "inconclusiveLimit",
            "consecutiveSuccessLimit",
        ),
    )


def _sequential_problems(metric: Metric, judge: SequentialJudge, path: str) -> Iterator[InvalidSpec]:
    here = f"{path}.judge.sequential"
    if judge.alpha is not None and not 0 < judge.alpha < 1:
        yield wrong(f"{here}.alpha", "must be above 0 and below 1", judge.alpha)
    for name, ratio in (("maxRatio", judge.max_ratio), ("proveRatio", judge.prove_ratio)):
        yield from _finite(ratio, f"{here}.{name}")
        if ratio <= 0:
            yield wrong(f"{here}.{name}", "must be above 0", ratio)
    rate = judge.max_error_rate
    if rate is not None and not 0 < rate <= 1:
        yield wrong(f"{here}.maxErrorRate", "must be above 0 and at most 1", rate)
    if not 0 <= judge.negligible_error_rate < 1:
        yield wrong(
            f"{here}.negligibleErrorRate", "must be at least 0 and below 1", judge.negligible_error_rate
        )
    if judge.min_requests < 1:
        yield wrong(f"{here}.minRequests", "must be at least 1", judge.min_requests)
    yield from _compares(metric, path, "sequential")
    yield from _beside(
        metric,
        path,
        "a look without proven harm is Successful, and a row of them proves nothing",
        ("consecutiveSuccessLimit",),
    )


def _compares(metric: Metric, path: str, judge: str) -> Iterator[InvalidSpec]:
    """A provider whose values have one side alone cannot be compared."""
    prometheus, traffic = metric.provider.prometheus, metric.provider.traffic
    if prometheus is not None and prometheus.arms is None:
        message = f"the {judge} judge compares canary and stable: use arms instead of query"
        yield InvalidSpec(f"{path}.provider.prometheus.arms", message)
    elif prometheus is not None and (prometheus.range_query is not None) != (judge == "kayenta"):
        wants = "points: set rangeQuery" if judge == "kayenta" else "counts: remove rangeQuery"
        yield InvalidSpec(f"{path}.provider.prometheus.rangeQuery", f"the {judge} judge compares {wants}")
    if traffic is not None and judge == "kayenta":
        yield InvalidSpec(f"{path}.provider.traffic", "has counts, and kayenta needs series; use sequential")
    elif traffic is not None and not traffic.stable_service:
        message = f"the {judge} judge compares canary and stable: name the stable Service"
        yield InvalidSpec(f"{path}.provider.traffic.stableService", message)


def _beside(metric: Metric, path: str, why: str, names: tuple[str, ...]) -> Iterator[InvalidSpec]:
    body = dump(metric)
    for name in names:
        if name in body:
            yield wrong(f"{path}.{name}", f"{why}; remove it", body[name])


def _waits(metric: Metric) -> bool:
    judge = metric.judge
    comparing = judge is not None and (judge.sequential is not None or judge.kayenta is not None)
    by_default = metric.on_no_data == "" and (comparing or metric.provider.traffic is not None)
    return metric.on_no_data == "wait" or by_default or metric.start_on in ("firstTraffic", "podsReady")


def _finite(value: float | None, path: str) -> Iterator[InvalidSpec]:
    if value is not None and not math.isfinite(value):
        yield wrong(path, "must be a finite number", str(value))
