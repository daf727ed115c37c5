"""Pods as real processes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from rollouts.api.meta import Object
from rollouts.embedded.cluster import Cluster
from rollouts.embedded.pods.addresses import Addresses, has_many_addresses
from rollouts.embedded.workloads.endpointslices import PORTS_ANNOTATION
from rollouts.kube.errors import NotFound, ServerError
from rollouts.kube.resources import CONFIG_MAPS, PODS
from tests.embedded.live import apply, is_ready, on_linux, stand_ins, until
from tests.embedded.manifests import pod

pytestmark = pytest.mark.cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with Cluster() as running:
        yield running


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def see(cluster: Cluster, name: str = "p") -> Object:
    return await cluster.client.get(PODS, name, "default")


async def ready(cluster: Cluster, name: str = "p") -> Object:
    async def holds() -> Object | None:
        found = await see(cluster, name)
        return found if is_ready(found) else None

    return dict(await until(holds))


async def in_phase(cluster: Cluster, phase: str) -> Object:
    async def holds() -> Object | None:
        found = await see(cluster)
        return found if found.get("status", {}).get("phase") == phase else None

    return dict(await until(holds))


async def log_of(cluster: Cluster, **query: str) -> str:
    return str(await cluster.client.raw("/api/v1/namespaces/default/pods/p/log", query))


def where(found: Object, port: int = 8080) -> str:
    text = found["metadata"].get("annotations", {}).get(PORTS_ANNOTATION, "{}")
    return f"http://{found['status']['podIP']}:{json.loads(text).get(str(port), port)}"


async def fetch(url: str, path: str = "/", **options: Any) -> tuple[int, dict[str, Any], str]:
    async with aiohttp.ClientSession() as session, session.request("GET", url + path, **options) as answer:
        return answer.status, await answer.json(), answer.headers["x-version"]


async def test_an_unknown_image_is_a_web_server_that_names_its_version(cluster: Cluster) -> None:
    await apply(cluster, pod("p", image="x/shop:1.4"))
    url = where(await ready(cluster))
    status, body, version = await fetch(url, "/cart?x=1")
    assert (status, version) == (200, "1.4")
    assert (body["app"], body["version"], body["pod"], body["path"]) == ("p", "1.4", "p", "/cart")


async def test_the_stand_in_fails_exactly_as_often_as_asked_and_is_always_healthy(cluster: Cluster) -> None:
    await apply(cluster, pod("p", env=[{"name": "ERROR_RATE", "value": "0.1"}]))
    url = where(await ready(cluster))
    async with aiohttp.ClientSession() as session:
        codes = []
        for _ in range(200):
            async with session.get(url) as answer:
                codes.append(answer.status)
            async with session.get(f"{url}/healthz") as answer:
                assert answer.status == 200
    assert codes.count(500) == 20


async def test_the_stand_in_gets_well_when_it_has_warmed_up(cluster: Cluster) -> None:
    env = [{"name": "ERROR_RATE", "value": "1"}, {"name": "WARM_UP", "value": "0.5"}]
    await apply(cluster, pod("p", env=env))
    url = where(await ready(cluster))
    async with aiohttp.ClientSession() as session:

        async def code() -> int:
            async with session.get(url) as answer:
                return answer.status

        assert await code() == 500
        await asyncio.sleep(0.6)
        assert await code() == 200


async def test_the_stand_in_takes_its_time_and_reads_bodies_of_any_kind(cluster: Cluster) -> None:
    await apply(cluster, pod("p", env=[{"name": "LATENCY_MS", "value": "60"}]))
    url = where(await ready(cluster))

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1000

    began = asyncio.get_running_loop().time()
    async with aiohttp.ClientSession() as session:
        for data in (b"x" * 100_000, chunks()):
            async with session.post(url, data=data) as answer:
                assert answer.status == 200
    assert asyncio.get_running_loop().time() - began >= 0.12


async def test_a_command_runs_as_it_is_given_with_the_pods_environment(cluster: Cluster) -> None:
    code = "import os; print(*(os.environ[k] for k in ('POD_NAME', 'POD_IP', 'PORT', 'COLOUR')))"
    env = [{"name": "COLOUR", "value": "blue"}]
    await apply(cluster, pod("p", policy="Never", command=python(code), env=env))
    found = await in_phase(cluster, "Succeeded")
    assert (await log_of(cluster)).split()[0::3] == ["p", "blue"]
    assert found["status"]["podIP"] in await log_of(cluster)


async def test_a_command_runs_in_its_working_folder(cluster: Cluster, tmp_path: Path) -> None:
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\npwd\n")
    program.chmod(0o755)
    await apply(cluster, pod("p", policy="Never", command=["./tool"], workingDir=str(tmp_path)))
    await in_phase(cluster, "Succeeded")

    async def told() -> bool:
        return (await log_of(cluster)).strip() == str(tmp_path)

    await until(told)


async def test_nothing_of_our_own_environment_reaches_a_pod(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    await apply(cluster, pod("p", policy="Never", command=python("import os; print(dict(os.environ))")))
    await in_phase(cluster, "Succeeded")
    assert "hush" not in await log_of(cluster)


async def test_the_log_is_bounded_and_its_tail_can_be_asked_for(cluster: Cluster) -> None:
    code = "for i in range(60_000): print('line', i)"
    await apply(cluster, pod("p", policy="Never", command=python(code)))
    await in_phase(cluster, "Succeeded")

    async def all_written() -> bool:
        return (await log_of(cluster, tailLines="2")).split() == ["line", "59998", "line", "59999"]

    await until(all_written)
    assert len(await log_of(cluster)) < 300_000
    assert await log_of(cluster, tailLines="1", limitBytes="4") == "line"
    for option in ({"follow": "true"}, {"previous": "true"}, {"sinceSeconds": "5"}):
        with pytest.raises(ServerError, match=f"{next(iter(option))}: the embedded cluster does not know"):
            await log_of(cluster, **option)


async def test_a_container_that_crashes_is_started_again_and_then_waits(cluster: Cluster) -> None:
    await apply(cluster, pod("p", command=python("raise SystemExit(3)")))

    async def looping() -> Object | None:
        (found,) = (await see(cluster)).get("status", {}).get("containerStatuses") or ({},)
        reason = found.get("state", {}).get("waiting", {}).get("reason")
        return found if reason == "CrashLoopBackOff" else None

    found = await until(looping)
    assert found["restartCount"] >= 1
    assert found["lastState"]["terminated"]["exitCode"] == 3


@pytest.mark.parametrize(
    ("container", "says"),
    [
        ({"command": ["no-such-program"]}, '"no-such-program": executable file not found'),
        ({}, "give the container a command"),
        ({"command": ["true"], "workingDir": "/no/where"}, '"/no/where" is no folder'),
        ({"command": ["true"], "readinessProbe": {"grpc": {"port": 1}}}, "use httpGet, tcpSocket or exec"),
    ],
)
async def test_what_cannot_run_says_why(cluster: Cluster, container: Any, says: str) -> None:
    await apply(cluster, pod("p", policy="Never", **container))
    found = await in_phase(cluster, "Failed")
    ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
    assert says in ended["message"]


async def test_a_readiness_probe_decides_and_can_change_its_mind(cluster: Cluster, tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    check = python(f"import sys, os; sys.exit(not os.path.exists({str(flag)!r}))")
    probe = {"exec": {"command": check}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 5}
    await apply(cluster, pod("p", readinessProbe=probe))
    await in_phase(cluster, "Running")
    assert not is_ready(await see(cluster))
    flag.touch()
    await ready(cluster)
    flag.unlink()

    async def lost() -> bool:
        return not is_ready(await see(cluster))

    await until(lost)


async def test_an_http_probe_follows_a_named_port(cluster: Cluster) -> None:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}}
    await apply(cluster, pod("p", readinessProbe=probe))
    await ready(cluster)


async def test_a_missing_image_is_never_started(cluster: Cluster) -> None:
    data = {"images.yaml": yaml.safe_dump({"x/app:typo": {"missing": True}})}
    await cluster.client.create(CONFIG_MAPS, {"metadata": {"name": "images"}, "data": data}, "kube-system")
    await apply(cluster, pod("p", image="x/app:typo"))

    async def refused() -> bool:
        (found,) = (await see(cluster)).get("status", {}).get("containerStatuses") or ({},)
        return found.get("state", {}).get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")

    await until(refused)


async def test_a_deleted_pod_may_finish_and_is_killed_if_it_does_not(cluster: Cluster) -> None:
    stubborn = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    container = pod("p", command=python(stubborn))
    container["spec"]["terminationGracePeriodSeconds"] = 1
    del container["spec"]["containers"][0]["ports"]
    await apply(cluster, container)

    async def is_up() -> bool:
        return "up" in await log_of(cluster)

    await ready(cluster)
    await until(is_up)
    await cluster.client.delete(PODS, "p", "default")

    async def gone() -> bool:
        try:
            await see(cluster)
        except NotFound:
            return True
        return False

    await until(gone)


@on_linux
async def test_what_a_container_started_ends_with_it(cluster: Cluster) -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(p.pid, flush=True)"
    )
    await apply(cluster, pod("p", policy="Never", command=python(code)))
    await in_phase(cluster, "Succeeded")

    async def written() -> str:
        return await log_of(cluster)

    child = int(await until(written))

    async def ended() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        return "Z" in Path(f"/proc/{child}/stat").read_text().rpartition(")")[2][:3]

    await until(ended)


@on_linux
async def test_a_stand_in_that_is_killed_comes_back(cluster: Cluster) -> None:
    await apply(cluster, pod("p", image="x/app:1"))
    url = where(await ready(cluster))
    (server,) = stand_ins()
    os.kill(server, signal.SIGKILL)

    async def restarted() -> bool:
        found = await see(cluster)
        return is_ready(found) and found["status"]["containerStatuses"][0]["restartCount"] == 1

    await until(restarted)
    assert (await fetch(url))[0] == 200


async def test_where_there_is_one_address_pods_differ_in_their_ports() -> None:
    async with Cluster(many_addresses=False) as cluster:
        await apply(cluster, pod("p", image="x/app:1"), pod("q", image="x/app:2"))
        found = [await ready(cluster, name) for name in ("p", "q")]
        assert {each["status"]["podIP"] for each in found} == {"127.0.0.1"}
        assert [(await fetch(where(each)))[2] for each in found] == ["1", "2"]


@pytest.mark.skipif(not has_many_addresses(), reason="this system has one loopback address")
def test_addresses_are_not_given_twice_before_they_come_back() -> None:
    addresses = Addresses(many=True)
    given = [addresses.take([8080]) for _ in range(300)]
    assert len({address.ip for address in given}) == 300
