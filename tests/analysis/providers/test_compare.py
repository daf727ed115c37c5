"""Built-in metrics of canary and stable: each request counts in one look, whatever happens in between."""

import asyncio
import json
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.providers import arms
from analysis.providers.query import Answer, QueryFailed
from analysis.providers.traffic import TrafficProvider
from analysis.run import record
from rollouts.api.analysis import RunBaseline
from rollouts.api.crd import crds
from rollouts.embedded.api import ApiServer, InProcess
from rollouts.embedded.virtual_time import VirtualClock
from rollouts.kube.client import Client
from rollouts.kube.resources import INGRESS_CLASSES, INGRESSES, NAMESPACES
from rollouts.kube.transport import Response
from tests.analysis.providers.requests import run_with
from tests.controller.api import virtually

SIDES = {"canary": "web-canary", "stable": "web-stable", "baseline": "web-baseline"}


class Envoy:
    """The counters of three Services, as its statistics show them."""

    def __init__(self):
        self.good, self.bad, self.slow = Counter(), Counter(), Counter()
        self.code, self.text = 200, ...

    async def answer(self, path, query):
        text = "".join(f"{line}\n" for side in SIDES for line in self.lines(side))
        body = text if self.text is ... else self.text
        return Response(code=self.code, body=body, headers={"content-type": "text/plain"})

    def lines(self, side):
        label = f'envoy_cluster_name="shop/{SIDES[side]}/80"'
        good, bad, slow = self.good[side], self.bad[side], self.slow[side]
        if good:
            yield f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="2",{label}}} {good}'
        if bad:
            yield f'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="5",{label}}} {bad}'
        if good + bad:
            for le, count in (("10", good + bad - slow), ("1000", good + bad), ("+Inf", good + bad)):
                yield f'envoy_cluster_upstream_rq_time_bucket{{{label},le="{le}"}} {count}'

    def forget(self, side):
        for counts in (self.good, self.bad, self.slow):
            counts[side] = 0


class World:
    """Three Services behind one ingress, and a run that is measured look by look."""

    def __init__(self, *, baseline=False, **traffic):
        self.clock, self.envoy = VirtualClock(), Envoy()
        api = ApiServer(self.clock, seed=0)
        api.install_crds(crds())
        api.proxies["rollouts-system", "envoy", "admin"] = self.envoy.answer
        self.client = Client(InProcess(api))
        spec = {"metric": "success-rate", "service": "web-canary", "stableService": "web-stable"}
        self.run, self.metric = run_with({"traffic": {**spec, "window": "10s", **traffic}})
        if baseline:
            self.add_baseline()
        self.previous, self.environ = None, {}

    def add_baseline(self):
        pods = RunBaseline(service="web-baseline", pod_template_hash="abc")
        spec = self.run.spec.model_copy(update={"baseline": pods})
        self.run = self.run.model_copy(update={"spec": spec})

    async def routed(self, *sides, by="rollouts.io/envoy", stable_by=""):
        await self.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
        for name, controller in (("nginx", by), ("other", stable_by or by)):
            ingress_class = {"metadata": {"name": name}, "spec": {"controller": controller}}
            await self.client.create(INGRESS_CLASSES, ingress_class)
        for side in sides or SIDES:
            backend = {"service": {"name": SIDES[side], "port": {"number": 80}}}
            path = {"path": "/", "pathType": "Prefix", "backend": backend}
            name = "other" if side == "stable" else "nginx"
            spec = {"ingressClassName": name, "rules": [{"host": "x.test", "http": {"paths": [path]}}]}
            annotations = {"nginx.ingress.kubernetes.io/canary": "true"} if side == "canary" else {}
            head = {"name": side, "annotations": annotations}
            await self.client.create(INGRESSES, {"metadata": head, "spec": spec}, "shop")

    async def look(self, after=0.0):
        """One pass of the controller, a new one each time: measure, and write down what came of it."""
        await asyncio.sleep(after)
        provider = TrafficProvider(self.client, self.clock, self.environ)
        taken = await provider.measure(self.run, self.metric, self.previous)
        written = type(taken).model_validate_json(taken.model_dump_json(by_alias=True))
        judged = written if written.phase else written.model_copy(update={"phase": "Successful"})
        self.run = record(self.run, "m", judged)
        self.previous = written if written.phase == "Running" else None
        return taken


def values(measurement):
    return json.loads(measurement.value) if measurement.value else None


def errors(canary, stable):
    return {
        side: dict(zip(("requests", "errors"), of, strict=True))
        for side, of in (("canary", canary), ("stable", stable))
    }


@virtually
async def test_what_both_sides_counted_since_the_look_before_is_the_value():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=1000, stable=5000)
    world.envoy.bad.update(canary=7, stable=3)
    first = await world.look()
    assert (first.phase, first.resume_at) == ("Running", world.clock() + timedelta(seconds=10))
    world.envoy.good.update(canary=9, stable=88)
    world.envoy.bad.update(canary=1, stable=2)
    second = await world.look(after=10)
    assert (second.phase, values(second)) == ("", errors((10, 1), (90, 2)))
    assert second.metadata["window"] == "10s"
    world.envoy.good.update(canary=4, stable=50)
    third = await world.look(after=12)
    assert (values(third), third.metadata["window"]) == (errors((4, 0), (50, 0)), "12s")


@virtually
async def test_latency_is_counted_in_buckets_whose_bounds_are_seconds():
    world = World(metric="latency")
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=10, stable=90)
    world.envoy.slow.update(canary=3)
    assert values(await world.look(after=10)) == {
        "canary": {"requests": 10, "buckets": {"0.01": 7, "1": 10, "+Inf": 10}},
        "stable": {"requests": 90, "buckets": {"0.01": 90, "1": 90, "+Inf": 90}},
    }


@virtually
async def test_baseline_pods_are_counted_where_the_run_has_them():
    world = World(baseline=True)
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=10, stable=80, baseline=9)
    world.envoy.bad.update(baseline=1)
    found = values(await world.look(after=10))
    assert found == {**errors((10, 0), (80, 0)), "baseline": {"requests": 10, "errors": 1}}


@virtually
async def test_looking_too_early_waits_and_counts_nothing_twice():
    world = World()
    await world.routed()
    first = await world.look()
    world.envoy.good.update(canary=5, stable=5)
    early = await world.look(after=4)
    assert (early.phase, early.resume_at) == ("Running", first.resume_at)
    world.envoy.good.update(canary=1, stable=1)
    assert values(await world.look(after=6)) == errors((6, 0), (6, 0))


@virtually
async def test_a_look_long_after_the_last_one_counts_all_that_was_in_between():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=5, stable=5)
    await world.look(after=10)
    world.envoy.good.update(canary=500, stable=600)
    assert values(await world.look(after=3600)) == errors((500, 0), (600, 0))


@pytest.mark.parametrize(
    "cut", ["envoy_cluster_upstream_rq_xx{a=", "<html>Sign in</html>\n", '{"a": 1}\n', {"a": 1}, None]
)
def test_after_looks_that_failed_nothing_is_missing(cut):
    @virtually
    async def story():
        world = World()
        await world.routed()
        await world.look()
        world.envoy.good.update(canary=5, stable=5)
        for _ in range(12):
            world.envoy.text = cut
            failed = await world.look(after=10)
            assert failed.phase == "Error"
            assert "not in Prometheus' text format, or were cut off" in failed.message
        world.envoy.text = ...
        world.envoy.code = 503
        assert (await world.look(after=10)).phase == "Error"
        world.envoy.code = 200
        world.envoy.good.update(canary=1, stable=2)
        assert values(await world.look(after=10)) == errors((6, 0), (7, 0))

    story()


@virtually
async def test_a_counter_that_is_named_twice_is_an_error():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=5)
    world.envoy.text = "".join(f"{line}\n" for line in [*world.envoy.lines("canary")] * 2)
    failed = await world.look()
    assert failed.message == 'traffic: Envoy names the counter "2" of cluster "shop/web-canary/80" twice'


@virtually
async def test_a_reset_of_all_counters_counts_what_they_show_since():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=1000, stable=1000)
    world.envoy.bad.update(canary=10, stable=10)
    await world.look()
    for side in SIDES:
        world.envoy.forget(side)
    world.envoy.good.update(canary=10, stable=1200)
    world.envoy.bad.update(canary=12, stable=1)
    assert values(await world.look(after=10)) == errors((22, 12), (1201, 1))


@virtually
async def test_a_reset_of_one_side_leaves_the_other_alone():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=1000, stable=1000)
    await world.look()
    world.envoy.forget("canary")
    world.envoy.good.update(canary=3, stable=50)
    world.envoy.bad.update(canary=2)
    assert values(await world.look(after=10)) == errors((5, 2), (50, 0))


@virtually
async def test_a_series_that_appears_counts_from_nothing_and_one_that_vanishes_is_a_reset():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=100, stable=100)
    world.envoy.bad.update(stable=5)
    await world.look()
    world.envoy.bad.update(canary=2)
    world.envoy.forget("stable")
    world.envoy.good.update(canary=8, stable=40)
    assert values(await world.look(after=10)) == errors((10, 2), (40, 0))


@virtually
async def test_a_side_that_joins_later_has_no_past():
    world = World()
    await world.routed()
    world.envoy.good.update(canary=100, stable=100, baseline=1000)
    await world.look()
    world.add_baseline()
    world.envoy.good.update(canary=1, stable=1, baseline=1)
    assert values(await world.look(after=10))["baseline"] == {"requests": 0, "errors": 0}
    world.envoy.good.update(canary=1, stable=1, baseline=7)
    assert values(await world.look(after=10))["baseline"] == {"requests": 7, "errors": 0}


@virtually
async def test_a_canary_without_requests_is_no_data():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(stable=90)
    nothing = await world.look(after=10)
    assert (nothing.phase, nothing.value) == ("", "")
    assert nothing.message == 'Service "web-canary" answered 0 requests in 10s, fewer than 1'
    world.envoy.good.update(canary=10, stable=80)
    assert values(await world.look(after=10)) == errors((10, 0), (80, 0))


@virtually
async def test_too_few_requests_of_the_canary_count_in_the_next_look():
    world = World(minRequests=5)
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=3, stable=80)
    world.envoy.bad.update(canary=1)
    assert (await world.look(after=10)).message.endswith("answered 4 requests in 10s, fewer than 5")
    world.envoy.good.update(canary=3, stable=80)
    found = await world.look(after=10)
    assert (values(found), found.metadata["window"]) == (errors((7, 1), (160, 0)), "20s")


@virtually
async def test_a_stable_version_without_requests_leaves_the_canary_to_be_judged_alone():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=10)
    world.envoy.bad.update(canary=10)
    assert values(await world.look(after=10)) == errors((20, 10), (0, 0))


@virtually
async def test_a_side_that_no_route_leads_to_is_an_error_that_names_it():
    world = World()
    await world.routed("canary")
    assert 'sends traffic to Service "web-stable"; create one' in (await world.look()).message


@virtually
async def test_a_service_cannot_be_compared_with_itself():
    world = World(stableService="web-canary")
    await world.routed()
    assert "two sides of the comparison are the same Service" in (await world.look()).message


@virtually
async def test_a_clock_that_was_set_back_holds_up_one_window_and_loses_nothing():
    world = World()
    await world.routed()
    await world.look()
    world.envoy.good.update(canary=5, stable=5)
    ahead = {**world.previous.metadata, "since": (world.clock() + timedelta(hours=1)).isoformat()}
    world.previous = world.previous.model_copy(update={"metadata": ahead})
    again = await world.look(after=10)
    assert (again.phase, again.resume_at) == ("Running", world.clock() + timedelta(seconds=10))
    world.envoy.good.update(canary=1, stable=1)
    assert values(await world.look(after=10)) == errors((6, 0), (6, 0))


@virtually
async def test_notes_that_were_tampered_with_begin_anew():
    world = World()
    await world.routed()
    await world.look()
    for notes in ({"since": "noon", "arms": "{}"}, {"since": "2026-01-01T00:00:00+00:00", "arms": "[]"}):
        world.previous = world.previous.model_copy(update={"metadata": notes})
        assert (await world.look()).phase == "Running"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["look", "early", "fails", "forgotten"]),
        st.integers(0, 5),
        st.integers(0, 3),
        st.integers(0, 50),
        st.integers(0, 3),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_every_request_of_the_canary_counts_exactly_once(steps):
    """Over looks that succeed, come too early, fail, or are lost with the controller that took them."""

    @virtually
    async def story():
        world, seen = World(), Counter()
        await world.routed()
        await world.look()

        def note(measurement):
            for side, of in (values(measurement) or {}).items():
                seen.update({(side, name): count for name, count in of.items()})

        for how, good, bad, stable, stable_bad in steps:
            world.envoy.good.update(canary=good, stable=stable)
            world.envoy.bad.update(canary=bad, stable=stable_bad)
            if how == "forgotten":
                await asyncio.sleep(10)
                await TrafficProvider(world.client, world.clock, {}).measure(
                    world.run, world.metric, world.previous
                )
                continue
            world.envoy.text = "cut" if how == "fails" else ...
            note(await world.look(after=3 if how == "early" else 10))
        world.envoy.text = ...
        world.envoy.good.update(canary=1)
        note(await world.look(after=10))
        good, bad = world.envoy.good["canary"], world.envoy.bad["canary"]
        assert seen["canary", "requests"] == good + bad
        assert seen["canary", "errors"] == bad
        assert seen["stable", "requests"] <= world.envoy.good["stable"] + world.envoy.bad["stable"]

    story()


# --- other routers: Prometheus ---------------------------------------------------------------------------


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


def test_what_prometheus_counted_of_both_sides_is_the_value(monkeypatch):
    @virtually
    async def story():
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

    story()


def test_bounds_that_a_router_has_in_ms_are_seconds_in_the_value(monkeypatch):
    @virtually
    async def story():
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

    story()


def test_while_prometheus_is_down_looks_fail_and_the_next_one_covers_their_time(monkeypatch):
    @virtually
    async def story():
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

    story()


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
def test_sides_that_nobody_counts_together_are_an_error_that_names_them(by, stable_by, message):
    @virtually
    async def story():
        world = World()
        await world.routed(by=by, stable_by=stable_by)
        failed = await world.look()
        assert (failed.phase, failed.value) == ("Error", "")
        assert message in failed.message

    story()


def test_a_server_that_stalls_is_an_error_in_time_and_what_was_noted_stays(monkeypatch):
    @virtually
    async def story():
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

    story()
