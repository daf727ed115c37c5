"""`provider.externalMetrics`: one number of the API from which autoscalers take theirs."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote

from analysis.providers.accounts import account
from analysis.providers.answers import quoted
from analysis.providers.http import Request, fetch_json, with_query
from analysis.providers.oneshot import Failed, Found, WithAccount, hiding
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.flagger_providers import ExternalMetricsMetric
from rollouts.kube.errors import Forbidden

ROOT = "/apis/external.metrics.k8s.io/v1beta1"
TOKEN = "token"  # noqa: S105  the key of one, as Flagger's
RIGHTS = "crds/install/external-metrics.yaml"
"""What gives the controller's account the right to read."""
FORMAT = "<namespace>/<metric>?labelSelector=<selector>"
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]?)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


class ExternalMetricsProvider(WithAccount):
    """Measures the value of the only series.

    The controller's own account reads in the namespace of the run only; another server is asked with a token
    of that namespace, for whatever the token allows.
    """

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.external_metrics
        if spec is None:
            raise InvalidSpec(".provider.externalMetrics", "is missing")
        namespace, name, selector = parse(spec.query, run.metadata.namespace)
        path = f"{ROOT}/namespaces/{quote(namespace, safe='')}/{quote(name, safe='')}"
        query = {"labelSelector": selector} if selector else {}
        if spec.address:
            found = await self._elsewhere(run, spec, path, query)
        elif namespace != run.metadata.namespace:
            raise InvalidSpec(
                "externalMetrics.query",
                f'names namespace "{namespace}"; the controller reads in the namespace of the run only: '
                f'"{run.metadata.namespace}"',
            )
        else:
            found = await self._here(path, query)
        return Found(result=found, message="" if found is not None else "no values found")

    async def _here(self, path: str, query: Mapping[str, str]) -> float | None:
        try:
            return read(await self._client.raw(path, query))
        except Forbidden as refusal:
            raise Failed(f"{refusal}; apply {RIGHTS}") from None

    async def _elsewhere(
        self, run: AnalysisRun, spec: ExternalMetricsMetric, path: str, query: Mapping[str, str]
    ) -> float | None:
        address, headers = spec.address.rstrip("/"), {"Accept": "application/json"}
        if spec.secret_ref.name:
            held = await account(self._client, run, spec.secret_ref, address, environ=self._environ)
            address = held.address
            headers["Authorization"] = f"Bearer {held.secret.require(TOKEN)}"
        url = f"{address}{path}"
        request = Request(
            url=with_query(url, query) if query else url, headers=headers, insecure=spec.insecure
        )
        answer = await fetch_json(request, self._transport)
        with hiding(request.credentials()):
            return read(answer)


def parse(query: str, default: str) -> tuple[str, str, str]:
    """Namespace, name and label selector of a query, in the format of Flagger.

    Raises:
        InvalidSpec: it has another format.
    """
    path, _, rest = query.strip().partition("?")
    *namespaces, name = path.split("/")
    asked = parse_qs(rest)
    if len(namespaces) > 1 or not name or set(asked) - {"labelSelector"}:
        raise InvalidSpec("externalMetrics.query", f"must be {FORMAT}", query)
    return (namespaces[0] if namespaces else "") or default, name, asked.get("labelSelector", [""])[0]


def read(answer: Any) -> float | None:
    """The value of the only series in an answer; None for none.

    Raises:
        Failed: there are several, or this is no answer of the API.
    """
    items = answer.get("items", None) if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise Failed("the external metrics API answered with something else than a list")
    if len(items) > 1:
        raise Failed(f"the external metrics API answered with {len(items)} series; narrow the labelSelector")
    if not items:
        return None
    text = items[0].get("value") if isinstance(items[0], dict) else None
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Failed(f"the external metrics API answered with {quoted(repr(text))}, which is no quantity")
    return quantity(match[1], match[2])


def quantity(digits: str, unit: str) -> float:
    """What a quantity of Kubernetes stands for."""
    if unit in _BINARY:
        return float(Decimal(digits) * (1 << _BINARY[unit]))
    if unit in _DECIMAL:
        return float(Decimal(digits).scaleb(_DECIMAL[unit]))
    return float(digits + unit)
