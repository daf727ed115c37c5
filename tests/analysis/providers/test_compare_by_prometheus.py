"""Built-in metrics of canary and stable through Prometheus, for routers whose counters stand there."""

import asyncio
from datetime import timedelta

import pytest

from analysis.providers import arms
from analysis.providers.query import Answer, QueryFailed
from tests.analysis.providers.compared import World, errors, values
from tests.controller.api import virtually


class Prometheus:
    """Answers each query by the words that it holds; its clock is that of the world."""

    def __init__(self, world, monkeypatch):
        self.world, self.answers, self.asked = world, {}, []
        world.environ = {"ARGO_ROLLOUTS_PROMETHEUS_ADDRESS": "http://prometheus.test"}
        monkeypatch.setattr(arms, "ask", self.ask)

    async def ask(self, target, query, span=None, *, at=None):
        if query == "time()":
            return Answer(result=self.world.clock().timestamp())
        self.asked.append((query, at))
        for words, answer in self.answers.items():
            if all(word in query for word in words.split()):
                if isinstance(answer, Exception):
                    raise answer
                if isinstance(answer, dict):
                    return Answer(result=[*answer.values()], labels=tuple({"le": le} for le in answer))
                return Answer(result=[answer], labels=({},))
        raise AssertionError(query)


@virtually
async def test_what_prometheus_counted_of_both_sides_is_the_value(monkeypatch):
    world = World()
    prometheus = Prometheus(world, monkeypatch)
    await world.routed(by="k8s.io/ingress-nginx")
    began = world.clock() - arms.LATE
    assert (await world.look()).phase == "Running"
    assert prometheus.asked == []
    prometheus.answers = {
        'canary=~"shop\\\\-web\\\\-canary status=~"5.*"': 1.0,
        'canary=~"shop\\\\-web\\\\-canary': 10.0,
        'web-stable status=~"5.*"': 2.0,
        "web-stable": 90.0,
    }
    found = await world.look(after=10)
    assert values(found) == errors((10, 1), (90, 2))
    assert {at for _, at in prometheus.asked} == {began + timedelta(seconds=10)}
    assert all("offset 10000ms" in query for query, _ in prometheus.asked)
    assert 'status=~"5.*"' in found.metadata["ResolvedPrometheusQuery"]
    prometheus.asked.clear()
    await world.look(after=70)
    assert all("offset 70000ms" in query for query, _ in prometheus.asked)


@virtually
async def test_bounds_that_a_router_has_in_ms_are_seconds_in_the_value(monkeypatch):
    world = World(metric="latency")
    prometheus = Prometheus(world, monkeypatch)
    await world.routed(by="projectcontour.io/gateway-controller")
    await world.look()
    prometheus.answers = {
        "shop_web-canary_": {"25": 7.0, "1000.0": 10.0, "+Inf": 10.0},
        "shop_web-stable_": {"+Inf": 0.0},
    }
    assert values(await world.look(after=10)) == {
        "canary": {"requests": 10, "buckets": {"0.025": 7, "1": 10, "+Inf": 10}},
        "stable": {"requests": 0, "buckets": {"0.025": 0, "1": 0, "+Inf": 0}},
    }


@virtually
async def test_while_prometheus_is_down_looks_fail_and_the_next_one_covers_their_time(monkeypatch):
    world = World()
    prometheus = Prometheus(world, monkeypatch)
    await world.routed(by="k8s.io/ingress-nginx")
    await world.look()
    prometheus.answers = {"": QueryFailed("refused the connection")}
    for _ in range(12):
        failed = await world.look(after=10)
        assert (failed.phase, failed.message) == ("Error", "traffic: refused the connection")
    prometheus.answers = {"5.*": 0.0, "": 5.0}
    assert (await world.look(after=10)).metadata["window"] == "2m10s"


@pytest.mark.parametrize(
    ("by", "stable_by", "message"),
    [
        ("acme.io/proxy", "", "no built-in metrics for Ingress shop/canary by acme.io/proxy"),
        ("konghq.com/kic-gateway-controller", "", "(Kong has one service for all backends of a rule)"),
        ("k8s.io/ingress-nginx", "acme.io/proxy", "Ingress shop/stable by acme.io/proxy"),
        ("rollouts.io/envoy", "k8s.io/ingress-nginx", "to compare them, one controller must route to all"),
        ("k8s.io/ingress-nginx", "", "set ARGO_ROLLOUTS_PROMETHEUS_ADDRESS for the controller"),
    ],
)
@virtually
async def test_sides_that_nobody_counts_together_are_an_error_that_names_them(by, stable_by, message):
    world = World()
    await world.routed(by=by, stable_by=stable_by)
    failed = await world.look()
    assert (failed.phase, failed.value) == ("Error", "")
    assert message in failed.message


@virtually
async def test_a_server_that_stalls_is_an_error_in_time_and_what_was_noted_stays(monkeypatch):
    world = World()
    prometheus = Prometheus(world, monkeypatch)
    await world.routed(by="k8s.io/ingress-nginx")
    await world.look()

    async def stall(*_, **__):
        await asyncio.sleep(3600)

    monkeypatch.setattr(arms, "ask", stall)
    began = world.clock()
    failed = await world.look(after=10)
    assert failed.message == "the traffic router did not answer within 15 s"
    assert world.clock() - began <= timedelta(seconds=26)
    monkeypatch.setattr(arms, "ask", prometheus.ask)
    prometheus.answers = {"5.*": 0.0, "": 5.0}
    assert (await world.look(after=5)).metadata["window"] == "30s"
