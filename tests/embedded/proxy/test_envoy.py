"""A real Envoy in front of real pods."""

import asyncio
import json
import math
import os
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from rollouts.api.meta import Object
from rollouts.embedded.cluster import Cluster
from rollouts.embedded.pods.spawner import Spawner
from rollouts.embedded.proxy.ads import AdsServer, Rejected
from rollouts.embedded.proxy.envoy import Envoy
from rollouts.embedded.proxy.model import Match, Route, VirtualHost
from rollouts.embedded.proxy.model import Path as Path_
from rollouts.kube.resources import DEPLOYMENTS, EVENTS, HTTP_ROUTES, INGRESSES, PODS
from tests.embedded.live import (
    Visitor,
    all_ready,
    apply,
    get,
    is_ready,
    on_linux,
    pods,
    stand_ins,
    until,
    visitor,
)
from tests.embedded.manifests import NGINX, deployment, http_route, ingress, service, to

pytestmark = pytest.mark.cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with Cluster() as running:
        yield running


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Visitor]:
    async with visitor(cluster) as made:
        yield made


async def two_versions(cluster: Cluster, replicas: int = 2) -> None:
    await apply(
        cluster,
        deployment("v1", "x/app:1", replicas=replicas),
        deployment("v2", "x/app:2", replicas=replicas),
        service("v1"),
        service("v2"),
    )
    await all_ready(cluster, "v1", replicas)
    await all_ready(cluster, "v2", replicas)


async def weigh(cluster: Cluster, weight: int) -> None:
    patch = {"metadata": {"annotations": {f"{NGINX}canary-weight": str(weight)}}}
    await cluster.client.patch(INGRESSES, "canary", patch, "default")


def agrees(seen: Counter[tuple[int, str]], version: str, share: float) -> bool:
    """Within four standard deviations of a binomial."""
    total = seen.total()
    return abs(seen[200, version] - total * share) <= 4 * math.sqrt(total * share * (1 - share))


async def test_requests_are_split_as_the_canary_weight_says(cluster: Cluster, client: Visitor) -> None:
    await two_versions(cluster)
    await apply(cluster, ingress("main", "v1"), ingress("canary", "v2", canary="true", canary_weight="0"))
    await client.reaches(200, "1")
    for weight in (5, 20, 50):
        await weigh(cluster, weight)
        await client.reaches(200, "2")
        seen = await client.count(1600)
        assert {status for status, _ in seen} == {200}
        assert agrees(seen, "2", weight / 100), seen


async def test_no_request_fails_while_weights_change_and_pods_come_and_go(
    cluster: Cluster, client: Visitor
) -> None:
    await two_versions(cluster, replicas=3)
    await apply(cluster, ingress("main", "v1"), ingress("canary", "v2", canary="true", canary_weight="50"))
    await client.reaches(200, "2")

    async def churn() -> None:
        for turn in range(12):
            await weigh(cluster, 100 if turn % 2 else 30)
            await cluster.client.patch(DEPLOYMENTS, "v2", {"spec": {"replicas": 2 + turn % 3}}, "default")
            victim = next(pod for pod in await pods(cluster, "v1") if is_ready(pod))
            await cluster.client.delete(PODS, victim["metadata"]["name"], "default")
            await asyncio.sleep(0.25)

    churning = asyncio.create_task(churn())
    seen: Counter[tuple[int, str]] = Counter()
    while not churning.done():
        seen += await client.count(160)
    await churning
    assert {status for status, _ in seen} == {200}, seen
    assert seen.total() > 1000


async def test_a_pod_is_there_until_an_envoy_that_is_held_up_has_let_go_of_it(cluster: Cluster) -> None:
    await apply(cluster, deployment("v1", "x/app:1", replicas=3), service("v1"), ingress("main", "v1"))
    victim = (await all_ready(cluster, "v1", 3))[0]["metadata"]["name"]
    async with aiohttp.ClientSession() as session:
        url, headers = f"http://127.0.0.1:{cluster.ingress_port}/", {"Host": "a.com"}

        async def post() -> int:
            # Nobody sends this a second time.
            async with session.post(url, headers=headers, data=b"order") as answer:
                return answer.status

        async def served() -> bool:
            return await post() == 200

        await until(served)
        cluster.envoy.signal(signal.SIGSTOP)
        try:
            await cluster.client.delete(PODS, victim, "default")
            waiting = [asyncio.create_task(post()) for _ in range(60)]
            await asyncio.sleep(1.5)
        finally:
            cluster.envoy.signal(signal.SIGCONT)
        assert Counter(await asyncio.gather(*waiting)) == {200: 60}

        async def gone() -> bool:
            return victim not in {pod["metadata"]["name"] for pod in await pods(cluster, "v1")}

        await until(gone)


async def test_a_canary_that_loses_its_pods_gets_no_requests_and_none_fails(
    cluster: Cluster, client: Visitor
) -> None:
    await two_versions(cluster)
    await apply(cluster, ingress("main", "v1"), ingress("canary", "v2", canary="true", canary_weight="50"))
    await client.reaches(200, "2")
    await cluster.client.patch(DEPLOYMENTS, "v2", {"spec": {"replicas": 0}}, "default")
    seen: Counter[tuple[int, str]] = Counter()
    while await pods(cluster, "v2"):
        seen += await client.count(160)
    assert {status for status, _ in seen} == {200}, seen
    assert set(await client.count(320)) == {(200, "1")}


async def test_no_request_fails_while_services_and_canaries_appear_and_disappear(
    cluster: Cluster, client: Visitor
) -> None:
    await two_versions(cluster)
    await apply(cluster, ingress("main", "v1"))
    await client.reaches(200, "1")

    async def churn() -> None:
        for _ in range(8):
            await apply(cluster, ingress("canary", "v2", canary="true", canary_weight="50"))
            await asyncio.sleep(0.1)
            await cluster.client.delete(INGRESSES, "canary", "default")
            await asyncio.sleep(0.1)

    churning = asyncio.create_task(churn())
    seen: Counter[tuple[int, str]] = Counter()
    while not churning.done():
        seen += await client.count(160)
    await churning
    assert set(seen) == {(200, "1"), (200, "2")}, seen


@on_linux
async def test_no_request_fails_while_pods_are_killed(cluster: Cluster, client: Visitor) -> None:
    """What may be sent twice is: the next pod answers."""
    await two_versions(cluster, replicas=3)
    await apply(cluster, ingress("main", "v1"))
    await client.reaches(200, "1")

    async def churn() -> None:
        for _ in range(4):
            os.kill(stand_ins()[0], signal.SIGKILL)
            await asyncio.sleep(0.3)

    churning = asyncio.create_task(churn())
    seen: Counter[tuple[int, str]] = Counter()
    while not churning.done():
        seen += await client.count(160)
    await churning
    assert set(seen) == {(200, "1")}, seen


async def test_a_configuration_that_envoy_refuses_leaves_the_last_one_in_force() -> None:
    spawner, ads, envoy = Spawner(), AdsServer(), None
    with tempfile.TemporaryDirectory() as folder:
        try:
            envoy = Envoy(spawner, Path(folder))
            await asyncio.gather(spawner.start(), ads.start(envoy.ads_path))
            await asyncio.gather(ads.apply((answering(418),), ()), envoy.start())
            bad = VirtualHost(
                domain="*", routes=(Route(match=Match(path=Path_("regex", "(?=x)")), failure=200),)
            )
            with pytest.raises(Rejected, match="invalid perl operator"):
                await ads.apply((bad,), ())
            assert await status_of(envoy) == 418
            await ads.apply((answering(404),), ())
            assert await status_of(envoy) == 404
        finally:
            if envoy is not None:
                await envoy.stop()
            await ads.stop()
            await spawner.close()


def answering(status: int) -> VirtualHost:
    return VirtualHost(domain="*", routes=(Route(match=Match(path=Path_("prefix", "/")), failure=status),))


async def status_of(envoy: Envoy) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{envoy.port}/") as answer:
        return answer.status


async def test_a_header_and_a_cookie_override_the_weight(cluster: Cluster, client: Visitor) -> None:
    await two_versions(cluster)
    rules = {"canary_by_header": "X-Beta", "canary_by_cookie": "beta", "canary_weight": "0"}
    await apply(cluster, ingress("main", "v1"), ingress("canary", "v2", canary="true", **rules))
    await client.reaches(200, "2", headers={"X-Beta": "always"})
    for headers, version in (
        ({}, "1"),
        ({"X-Beta": "never", "Cookie": "beta=always"}, "1"),
        ({"X-Beta": "other"}, "1"),
        ({"Cookie": "a=b; beta=always"}, "2"),
        ({"X-Beta": "always", "Cookie": "beta=never"}, "2"),
    ):
        assert set(await client.count(32, headers=headers)) == {(200, version)}, headers


async def test_an_http_route_splits_by_weight_and_says_when_it_is_in_force(
    cluster: Cluster, client: Visitor
) -> None:
    await two_versions(cluster)
    await apply(cluster, http_route("r", {"backendRefs": to(v1=80, v2=20)}))

    async def in_force() -> Object | None:
        route = await get(cluster, HTTP_ROUTES, "r")
        parents = route.get("status", {}).get("parents", [])
        conditions = {c["type"]: c for parent in parents for c in parent["conditions"]}
        programmed = conditions.get("Programmed", {})
        is_current = programmed.get("observedGeneration") == route["metadata"]["generation"]
        return route if is_current and programmed["status"] == "True" else None

    await until(in_force)
    assert agrees(await client.count(1600), "2", 0.2)
    spec = {"rules": [{"backendRefs": to(v1=0, v2=100)}]}
    changed = await cluster.client.patch(HTTP_ROUTES, "r", {"spec": spec}, "default")
    route = await until(in_force)
    assert route["metadata"]["generation"] == changed["metadata"]["generation"]
    assert set(await client.count(320)) == {(200, "2")}


async def test_counters_and_latencies_are_published_and_endpoint_changes_do_not_reset_them(
    cluster: Cluster, client: Visitor
) -> None:
    await two_versions(cluster)
    await apply(cluster, ingress("main", "v1"))
    await client.reaches(200, "1")
    before = sum((await client.count(160)).values()) + 1
    await cluster.client.patch(DEPLOYMENTS, "v1", {"spec": {"replicas": 4}}, "default")
    await all_ready(cluster, "v1", 4)
    await client.count(160)
    path = "/api/v1/namespaces/rollouts-system/services/envoy:admin/proxy/stats/prometheus"
    filters = {"usedonly": "", "filter": r"default/v1/80.upstream_rq_(\dxx|time|total)"}

    async def published() -> str:
        text = str(await cluster.client.raw(path, filters))
        return text if "upstream_rq_time_bucket" in text else ""

    text = await until(published)
    name = 'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="default/v1/80"}'
    (count,) = (int(line.split()[-1]) for line in text.splitlines() if line.startswith(name))
    assert count >= before + 160


async def test_the_admin_interface_shows_statistics_and_takes_no_orders(cluster: Cluster) -> None:
    assert (await cluster.envoy.admin("/clusters", {})).code == 200
    elsewhere = ("/stats/../certs", "/stats/%2e%2e/memory", "/stats?x=/..", "/stats/prometheus/../../memory")
    for path in ("/quitquitquit", "/logging", "/runtime_modify", "/", *elsewhere):
        assert (await cluster.envoy.admin(path, {})).code == 403


async def test_what_envoy_has_is_what_it_was_told(cluster: Cluster, client: Visitor) -> None:
    """The field numbers of the messages are Envoy's own: it gives back the same routes in its own words."""
    await two_versions(cluster)
    rules = {"canary_by_header": "X-Beta", "canary_by_header_pattern": "b.ta", "canary_weight": "30"}
    match = {"method": "POST", "queryParams": [{"name": "q", "value": "1"}], "path": {"value": "/x"}}
    edits = {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"set": [{"name": "a", "value": "5%"}]},
    }
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": to(v2=1)[0]}}
    route = {"matches": [match], "filters": [edits, mirror], "backendRefs": to(v1=1)}
    await apply(cluster, ingress("main", "v1"), ingress("canary", "v2", canary="true", **rules))
    await apply(cluster, http_route("r", route, hostnames=("b.com",)))
    await client.reaches(404, host="b.com")
    await client.reaches(200, "2", headers={"X-Beta": "my beta"})
    dump = await cluster.envoy.admin("/config_dump", {"resource": "dynamic_route_configs"})
    (config,) = (c["route_config"] for c in json.loads(dump.body)["configs"])
    hosts = {host["name"]: host for host in config["virtual_hosts"]}
    by_header, weighted = hosts["a.com"]["routes"]
    assert by_header["match"]["headers"][0]["string_match"]["safe_regex"]["regex"] == "(?s:.*)(?:b.ta)(?s:.*)"
    assert weighted["route"]["weighted_clusters"]["clusters"] == [
        {"name": "default/v1/80", "weight": 70},
        {"name": "default/v2/80", "weight": 30},
    ]
    (posted,) = hosts["b.com"]["routes"]
    assert posted["match"]["path_separated_prefix"] == "/x"
    assert posted["match"]["headers"] == [{"name": ":method", "string_match": {"exact": "POST"}}]
    assert posted["match"]["query_parameters"] == [{"name": "q", "string_match": {"exact": "1"}}]
    assert posted["request_headers_to_add"][0]["header"] == {"key": "a", "value": "5%%"}
    assert posted["route"]["request_mirror_policies"] == [{"cluster": "default/v2/80"}]
    retry = hosts["a.com"]["retry_policy"]
    assert retry["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"
    assert retry["retry_back_off"] == {"base_interval": "0.005s", "max_interval": "0.050s"}


async def test_an_ingress_that_cannot_be_obeyed_says_so_in_an_event(cluster: Cluster) -> None:
    await apply(cluster, ingress("main", "nowhere"))

    async def told() -> list[str]:
        events = (await cluster.client.list(EVENTS, "default"))["items"]
        return [e["message"] for e in events if e["involvedObject"]["name"] == "main"]

    (message,) = await until(told)
    assert 'there is no Service "nowhere"' in message


async def test_an_envoy_that_is_killed_comes_back_on_its_port_with_all_routes(
    cluster: Cluster, client: Visitor
) -> None:
    await two_versions(cluster)
    await apply(cluster, ingress("main", "v1"))
    await client.reaches(200, "1")
    cluster.envoy.signal(signal.SIGKILL)
    await client.reaches(0)
    await client.reaches(200, "1")
