"""The statistics of an Envoy that publishes them through the API server, as the embedded cluster's does."""

import re
from collections.abc import Iterable, Mapping

from analysis.providers.counts import Unusable
from analysis.providers.traffic import counters
from rollouts.kube.client import Client

CONTROLLER = "rollouts.io/envoy"
"""The controller name of its classes."""
STATS = "/api/v1/namespaces/rollouts-system/services/envoy:admin/proxy/stats/prometheus"

_SAMPLE = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(\{.*\})?\s+\S+")


async def stats(client: Client, namespace: str, services: Iterable[str]) -> Mapping[str, counters.Counters]:
    """The counters of several Services, all of one moment.

    Raises:
        Unusable: the answer is something else, or was cut off.
        ApiError, Unreachable: there is no answer.
    """
    names = tuple(services)
    query = {"usedonly": "", "filter": counters.filter_expression(namespace, *names)}
    text = await client.raw(STATS, query)
    if not isinstance(text, str) or not _complete(text):
        raise Unusable("Envoy's statistics are not in Prometheus' text format, or were cut off")
    return {name: counters.read(text, namespace, name) for name in names}


def _complete(text: str) -> bool:
    """Whether this is the text format from beginning to end: what is missing would look like no requests."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return (not text or text.endswith("\n")) and all(_SAMPLE.match(line) for line in lines)
