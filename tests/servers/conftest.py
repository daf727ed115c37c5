"""One server of each kind for the lane."""

import base64
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from analysis import arguments
from analysis.judgement import judge
from analysis.providers.registry import provider_of, registry
from rollouts.api.analysis import Measurement
from rollouts.api.meta import Object
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.kube.client import Client
from rollouts.kube.resources import SECRETS
from tests.analysis.providers.requests import run_with
from tests.places import REPOSITORY
from tests.servers import graphite, influxdb

CONTROL = "rollouts-system"

Measure = Callable[..., Awaitable[Measurement]]


@pytest.fixture(scope="session")
def graphite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[graphite.Graphite]:
    with graphite.running(tmp_path_factory.mktemp("graphite") / "server") as server:
        yield server


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[influxdb.Influxdb]:
    with influxdb.running(tmp_path_factory.mktemp("influxdb") / "server") as server:
        yield server


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Measure and judge once, as the controller does, with Secrets of the controller's namespace."""
    monkeypatch.setenv("POD_NAMESPACE", CONTROL)

    async def measure(
        provider: dict[str, Any],
        success: str = "",
        secrets: dict[str, dict[str, str]] | None = None,
        args: dict[str, str] | None = None,
    ) -> Measurement:
        client = Client(InProcess(ApiServer(now, seed=0)))
        for name, data in (secrets or {}).items():
            encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
            await client.create(SECRETS, {"metadata": {"name": name}, "data": encoded}, CONTROL)
        given = [{"name": name, "value": text} for name, text in (args or {}).items()]
        run, metric = run_with(provider, given)
        resolved = arguments.resolve(metric, args or {}).model_copy(update={"success_condition": success})
        found = provider_of(resolved, registry(client, now))
        return judge(resolved, await found.measure(run, resolved, None), now())

    return measure


def example(name: str) -> Object:
    """The only metric of an example."""
    (metric,) = yaml.safe_load((REPOSITORY / f"examples/analysis/{name}.yaml").read_text())["spec"]["metrics"]
    found: Object = metric
    return found


def now() -> datetime:
    return datetime.now(UTC)
