"""The past of a metric, from a server that answers range queries."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.providers.history import history
from analysis.providers.query import QueryFailed, Target
from rollouts.api.analysis import Metric
from rollouts.api.errors import InvalidSpec
from rollouts.api.providers import (
    MetricProvider,
    PrometheusArm,
    PrometheusArms,
    PrometheusMetric,
    PrometheusRangeQueryArgs,
)
from tests.analysis.providers.test_prometheus import Server

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
BEGIN = int(START.timestamp())


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


def metric(**prometheus):
    provider = MetricProvider(prometheus=PrometheusMetric(address="http://unused", **prometheus))
    return Metric(name="errors", interval="1m", provider=provider)


async def asked(server, metric, minutes=3):
    return await history(Target(address=server.address), metric, START, START + timedelta(minutes=minutes))


async def test_a_query_gives_one_value_for_each_interval_and_none_where_there_was_none(server):
    server.answer("matrix", [{"metric": {"a": "b"}, "values": [[BEGIN, "1"], [BEGIN + 120, "2.5"]]}])
    points = await asked(server, metric(query="up"))
    assert [point.value for point in points] == ["[1.0]", "", "[2.5]", ""]
    assert [point.at for point in points] == [START + timedelta(minutes=n) for n in range(4)]
    path, _ = server.requests[0]
    assert urlsplit(path).path == "/api/v1/query_range"
    assert parse_qs(urlsplit(path).query)["step"] == ["60000ms"]


async def test_arms_give_counts_of_both_sides_over_each_interval(server):
    server.answer("matrix", [{"metric": {}, "values": [[BEGIN + 60 * n, str(10 * n)] for n in range(3)]}])
    arm = PrometheusArm(requests="sum(increase(r[{{window}}]))", errors="sum(increase(e[{{window}}]))")
    points = await asked(server, metric(arms=PrometheusArms(canary=arm, stable=arm)))
    side = {"requests": 20, "errors": 20}
    assert json.loads(points[2].value) == {"canary": side, "stable": side}
    assert points[3].value == ""
    assert {parse_qs(urlsplit(path).query)["query"][0] for path, _ in server.requests} == {
        "sum(increase(r[60000ms]))",
        "sum(increase(e[60000ms]))",
    }


async def test_buckets_are_counted_by_their_bounds(server):
    server.answer(
        "matrix",
        [
            {"metric": {"le": "0.5"}, "values": [[BEGIN, "8"]]},
            {"metric": {"le": "+Inf"}, "values": [[BEGIN, "10"]]},
        ],
    )
    arm = PrometheusArm(buckets="sum by (le) (increase(b[{{window}}]))")
    points = await asked(server, metric(arms=PrometheusArms(canary=arm, stable=arm)), minutes=0)
    assert json.loads(points[0].value)["canary"] == {"requests": 10, "buckets": {"0.5": 8, "+Inf": 10}}


async def test_a_long_past_is_asked_for_in_parts(server):
    server.answer("matrix", [])
    points = await asked(server, metric(query="up"), minutes=2500)
    assert len(points) == 2501
    assert len(server.requests) == 3


async def test_a_server_that_refuses_is_named(server):
    server.code, server.body = 400, b'{"status":"error","error":"bad query"}'
    with pytest.raises(QueryFailed, match="answered 400: bad query"):
        await asked(server, metric(query="up("))


async def test_what_cannot_be_asked_of_the_past_is_refused_by_name(server):
    with pytest.raises(InvalidSpec, match=r"metric m: has no provider\.prometheus"):
        await asked(server, Metric(name="m"))
    with pytest.raises(InvalidSpec, match="rangeQuery is not replayed"):
        await asked(server, metric(query="up", range_query=PrometheusRangeQueryArgs(start="now()")))
