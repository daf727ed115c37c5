"""The client over real HTTP: what it sends, and what it makes of answers and of their absence."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from rollouts.kube import config
from rollouts.kube.client import Client
from rollouts.kube.config import ConfigError
from rollouts.kube.errors import Conflict, Gone, TooManyRequests, Unreachable
from rollouts.kube.http import connect
from rollouts.kube.resources import CONFIG_MAPS, PODS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def api(handler: Handler, folder: Path, *, token: str = "secret-token") -> AsyncIterator[Client]:
    """A client, by way of a kubeconfig, of a server that answers with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]
    path = kubeconfig(folder, f"http://127.0.0.1:{port}", token)
    client = await connect(str(path))
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def kubeconfig(folder: Path, server: str, token: str) -> Path:
    path = folder / "kubeconfig"
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "shop"}}],
    }
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    return path


async def test_a_request_carries_the_token_and_asks_for_plain_json(tmp_path: Path) -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.json_response({"metadata": {"name": "x"}})

    async with api(handler, tmp_path) as client:
        assert await client.get(PODS, "x", "a") == {"metadata": {"name": "x"}}
    (request,) = seen
    assert request.path == "/api/v1/namespaces/a/pods/x"
    assert request.headers["authorization"] == "Bearer secret-token"
    assert request.headers["accept-encoding"] == "identity"


async def test_a_page_in_place_of_an_object_is_no_answer_of_the_api(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>Please log in</html>", content_type="text/html")

    async with api(handler, tmp_path) as client:
        with pytest.raises(Unreachable, match="the answer is no object: '<html>Please log in"):
            await client.list(PODS)
        assert await client.raw("/healthz") == "<html>Please log in</html>"


async def test_a_patch_keeps_its_content_type(tmp_path: Path) -> None:
    seen: list[tuple[str, bytes]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers["content-type"], await request.read()))
        return web.json_response({})

    async with api(handler, tmp_path) as client:
        await client.patch(CONFIG_MAPS, "x", {"data": None}, "a")
    assert seen == [("application/merge-patch+json", b'{"data":null}')]


async def test_refusals_become_the_errors_that_are_handled(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "reason": "Conflict", "message": "changed"}, status=409)

    async with api(handler, tmp_path) as client:
        with pytest.raises(Conflict, match="changed"):
            await client.get(PODS, "x", "a")


async def test_a_request_that_is_put_off_is_sent_again(tmp_path: Path) -> None:
    answers = [429, 429, 200]

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=answers.pop(0), headers={"retry-after": "0"})

    async with api(handler, tmp_path) as client:
        assert await client.get(PODS, "x", "a") == {}
    assert answers == []


async def test_an_eviction_that_a_budget_refuses_is_not_repeated(tmp_path: Path) -> None:
    times = 0

    async def handler(_: web.Request) -> web.StreamResponse:
        nonlocal times
        times += 1
        return web.json_response({}, status=429, headers={"retry-after": "0"})

    async with api(handler, tmp_path) as client:
        with pytest.raises(TooManyRequests):
            await client.evict("x", "a")
    assert times == 1


async def test_a_server_that_is_not_there_is_unreachable_and_named(tmp_path: Path) -> None:
    client = await connect(str(kubeconfig(tmp_path, "http://127.0.0.1:9", "secret-token")))
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9") as caught:
        await client.get(PODS, "x", "a")
    assert "secret-token" not in str(caught.value)
    await client.close()


async def test_a_watch_yields_its_lines_however_they_are_cut(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": "application/json"})
        await answer.prepare(request)
        for part in (b'{"type":"ADD', b'ED"}\n{"type":"MOD', b'IFIED"}\n'):
            await answer.write(part)
            await asyncio.sleep(0.01)
        return answer

    async with api(handler, tmp_path) as client:
        events = [event async for event in client.watch(PODS, "a", resourceVersion="1")]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED"]


async def test_a_refused_watch_and_a_broken_one_are_told_apart(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if "resourceVersion" in request.query:
            return web.json_response({"reason": "Expired"}, status=410)
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b'{"type":"ADDED"}\n')
        assert request.transport is not None
        request.transport.abort()
        return answer

    async with api(handler, tmp_path) as client:
        with pytest.raises(Gone):
            await anext(client.watch(PODS, "a", resourceVersion="1"))
        broken = client.watch(PODS, "a")
        assert await anext(broken) == {"type": "ADDED"}
        with pytest.raises(Unreachable):
            await anext(broken)


async def test_the_namespace_of_the_context_is_known(tmp_path: Path) -> None:
    endpoint = await config.load(str(kubeconfig(tmp_path, "http://127.0.0.1:9", "t")))
    assert (endpoint.namespace, endpoint.in_cluster) == ("shop", False)


async def test_without_a_kubeconfig_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="give --kubeconfig"):
        await connect()
    with pytest.raises(ConfigError, match="nowhere"):
        await connect(str(tmp_path / "nowhere"))


async def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:9", "t")
    with pytest.raises(ConfigError, match="elsewhere"):
        await connect(str(path), context="elsewhere")


async def test_a_credential_plugin_is_asked_again_and_its_failure_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token of the plugin is used, renewed when it is due, and kept when the plugin fails."""
    plugin, token = tmp_path / "plugin.py", tmp_path / "token"
    plugin.write_text(
        "import json, pathlib, sys\n"
        "status = {'token': pathlib.Path(sys.argv[1]).read_text()}\n"
        "kind = {'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential'}\n"
        "print(json.dumps({**kind, 'status': status}))\n",
        encoding="utf-8",
    )
    token.write_text("one", encoding="utf-8")
    path = kubeconfig(tmp_path, "http://127.0.0.1:9", "unused")
    body = yaml.safe_load(path.read_text(encoding="utf-8"))
    body["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(plugin), str(token)],
            "interactiveMode": "Never",
        }
    }
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    monkeypatch.setattr(config, "_REFRESH", 0.0)
    endpoint = await config.load(path)
    assert await endpoint.credentials() == "Bearer one"
    token.write_text("two", encoding="utf-8")
    assert await endpoint.credentials() == "Bearer two"
    token.unlink()
    assert await endpoint.credentials() == "Bearer two"
