"""`provider.kayenta`: a judgement by Spinnaker's Kayenta, asked for until it is there."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from analysis.providers.answers import Clock, error, quoted, running
from analysis.providers.http import Request, fetch_json, json_content, with_query
from analysis.providers.oneshot import Failed
from rollouts.api.analysis import AnalysisPhase, AnalysisRun, Measurement, Metric
from rollouts.api.errors import InvalidSpec, RolloutsError
from rollouts.api.meta import Object
from rollouts.api.providers import KayentaMetric, KayentaThreshold, ScopeDetail

EXECUTION = "canaryExecutionId"
"""Key in the measurement's metadata, as upstream."""
LOOKBACK = "lookback"
"""Key in the metadata that says what became of the field."""
POLL_EVERY = timedelta(seconds=15)
"""As upstream."""
TIMEOUT = 15.0
"""Seconds for each request, as upstream."""
LONGEST = timedelta(hours=1)
"""After which a judgement is given up: the store or the metrics account of Kayenta hangs."""


class KayentaProvider:
    """Measures the score, 0 to 100; Kayenta's thresholds are the verdict, and conditions are not asked."""

    def __init__(self, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._clock = clock
        self._transport = transport

    async def measure(self, run: AnalysisRun, metric: Metric, previous: Measurement | None) -> Measurement:
        now = self._clock()
        started = (previous.started_at if previous else None) or now
        known = dict(previous.metadata) if previous else {}
        spec = metric.provider.kayenta
        if spec is None:
            raise InvalidSpec(".provider.kayenta", "is missing")
        try:
            if not known.get(EXECUTION):
                known = {EXECUTION: await self._begin(spec)}
                if spec.lookback:
                    known[LOOKBACK] = "without effect: every scope names its start and its end"
                return running(started, self._clock() + POLL_EVERY, known)
            answer = await self._get(f"{_root(spec)}/canary/{quote(known[EXECUTION], safe='')}")
            score = read_score(answer)
        except RolloutsError as failure:
            failed = error(started, self._clock(), str(failure))
            return failed.model_copy(update={"metadata": known})
        if score is not None:
            return self._judged(score, spec.threshold, started, known)
        if now - started > LONGEST:
            given_up = error(started, now, f"Kayenta did not complete within {LONGEST}")
            return given_up.model_copy(update={"metadata": known})
        return running(started, self._clock() + POLL_EVERY, known)

    async def terminate(self, run: AnalysisRun, metric: Metric, previous: Measurement) -> Measurement:
        """Kayenta ends no execution; it is not asked for any more. The run is none the worse, as upstream."""
        return previous.model_copy(update={"phase": "Successful", "finished_at": self._clock()})

    async def _begin(self, spec: KayentaMetric) -> str:
        """Have the judgement begun, and learn under which ID."""
        asked = {
            "application": spec.application,
            "configurationAccountName": spec.configuration_account_name,
        }
        configs = await self._get(with_query(f"{_root(spec)}/canaryConfig", asked))
        config = read_config(configs, spec.canary_config_name)
        accounts = {
            "application": spec.application,
            "metricsAccountName": spec.metrics_account_name,
            "configurationAccountName": spec.configuration_account_name,
            "storageAccountName": spec.storage_account_name,
        }
        request = Request(
            method="POST",
            url=with_query(f"{_root(spec)}/canary/{quote(config, safe='')}", accounts),
            headers={"Content-Type": "application/json"},
            content=json_content(order(spec)),
            timeout=TIMEOUT,
        )
        answer = await fetch_json(request, self._transport)
        found = answer.get(EXECUTION) if isinstance(answer, dict) else None
        if not isinstance(found, str) or not found:
            raise Failed(f"Kayenta answered without a {EXECUTION}")
        return found

    async def _get(self, url: str) -> Any:
        return await fetch_json(Request(url=url, timeout=TIMEOUT), self._transport)

    def _judged(
        self, score: int, threshold: KayentaThreshold, started: datetime, known: Mapping[str, str]
    ) -> Measurement:
        return Measurement(
            phase=verdict(score, threshold),
            value=str(score),
            started_at=started,
            finished_at=self._clock(),
            metadata=dict(known),
        )


def _root(spec: KayentaMetric) -> str:
    return spec.address.rstrip("/")


def read_config(answer: Any, name: str) -> str:
    """The ID of a configuration, out of all those of an application.

    Raises:
        Failed: there is none of that name.
    """
    if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
        raise Failed("Kayenta answered with something else than a list of canary configurations")
    names = [str(each.get("name")) for each in answer]
    for each in answer:
        if each.get("name") == name and isinstance(each.get("id"), str) and each["id"]:
            return str(each["id"])
    known = quoted(", ".join(sorted(names))) or "none"
    raise Failed(f'Kayenta has no canary configuration "{name}"; it has: {known}')


def order(spec: KayentaMetric) -> Object:
    """What is to be judged, as the body of a request."""
    scopes = {
        scope.name: {
            "controlScope": _scope(scope.control_scope),
            "experimentScope": _scope(scope.experiment_scope),
        }
        for scope in spec.scopes
    }
    thresholds = {"pass": spec.threshold.pass_, "marginal": spec.threshold.marginal}
    return {"scopes": scopes, "thresholds": thresholds}


def _scope(scope: ScopeDetail) -> Object:
    """`region` is what upstream sends, and `location` how Kayenta itself calls the same."""
    return {
        "scope": scope.scope,
        "region": scope.region,
        "location": scope.region,
        "step": scope.step,
        "start": scope.start,
        "end": scope.end,
    }


def read_score(answer: Any) -> int | None:
    """The score, cut to a whole number as upstream; None while it is not there yet.

    Raises:
        Failed: the execution ended without one, or this is no answer of Kayenta.
    """
    complete = answer.get("complete") if isinstance(answer, dict) else None
    if not isinstance(complete, bool):
        raise Failed("Kayenta: Missing Complete Status")
    if not complete:
        return None
    score: Any = answer
    for name in ("result", "judgeResult", "score", "score"):
        score = score.get(name) if isinstance(score, dict) else None
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 100:
        status = answer.get("status")
        reason = f"; the execution ended as {quoted(status)}" if isinstance(status, str) else ""
        raise Failed(f"Kayenta: Missing Score{reason}")
    return int(score)


def verdict(score: int, threshold: KayentaThreshold) -> AnalysisPhase:
    """What a score comes to."""
    if score >= threshold.pass_:
        return "Successful"
    return "Inconclusive" if score >= threshold.marginal else "Failed"
