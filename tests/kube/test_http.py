"""The client over real HTTP: what it sends, and what it makes of answers and of their absence."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from rollouts.kube import config
from rollouts.kube.answers import refusal
from rollouts.kube.client import Client
from rollouts.kube.config import ConfigError
from rollouts.kube.errors import Conflict, Gone, TooManyRequests, Unauthorized, Unreachable, Unreadable
from rollouts.kube.http import connect
from rollouts.kube.resources import CONFIG_MAPS, PODS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def api(
    handler: Handler, folder: Path, *, token: str = "secret-token", token_file: Path | None = None
) -> AsyncIterator[Client]:
    """A client, by way of a kubeconfig, of a server that answers with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]
    path = kubeconfig(folder, f"http://127.0.0.1:{port}", token, token_file)
    client = await connect(str(path))
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def kubeconfig(folder: Path, server: str, token: str, token_file: Path | None = None) -> Path:
    path = folder / "kubeconfig"
    user = {"tokenFile": str(token_file)} if token_file is not None else {"token": token}
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user}],
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


async def test_a_token_that_is_replaced_is_read_again_as_soon_as_the_old_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests and watches go on, and no write is done twice."""
    valid, done = ["old"], []

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.headers["authorization"] != f"Bearer {valid[0]}":
            return web.json_response({"kind": "Status", "code": 401}, status=401)
        done.append(request.method)
        if "watch" in request.query:
            return web.Response(text='{"type":"ADDED"}\n')
        return web.json_response({"metadata": {"name": "x"}})

    monkeypatch.setattr(config, "_REFUSED", 0.0)
    (tmp_path / "token").write_text("old", encoding="utf-8")
    async with api(handler, tmp_path, token_file=tmp_path / "token") as client:
        await client.get(PODS, "x", "a")
        valid[0] = "new"
        with pytest.raises(Unauthorized):
            await client.get(PODS, "x", "a")
        (tmp_path / "token").write_text("new", encoding="utf-8")
        await asyncio.gather(*(client.create(PODS, {"metadata": {}}, "a") for _ in range(5)))
        valid[0] = "newest"
        (tmp_path / "token").write_text("newest", encoding="utf-8")
        assert [event["type"] async for event in client.watch(PODS)] == ["ADDED"]
    assert done == ["GET", *["POST"] * 5, "GET"]


async def test_a_plugin_is_asked_again_although_its_token_says_that_it_is_still_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "count"
    counter.write_text("", encoding="utf-8")
    plugin = (
        "import json, pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.write_text(path.read_text() + 'x')\n"
        "status = {'token': path.read_text(), 'expirationTimestamp': '2999-01-01T00:00:00Z'}\n"
        "kind = {'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential'}\n"
        "print(json.dumps({**kind, 'status': status}))\n"
    )
    command = {"command": sys.executable, "args": ["-c", plugin, str(counter)], "interactiveMode": "Never"}
    path = kubeconfig(tmp_path, "http://127.0.0.1:9", "unused")
    body = yaml.safe_load(path.read_text(encoding="utf-8"))
    body["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **command}}
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    monkeypatch.setattr(config, "_REFUSED", 0.0)
    endpoint = await config.load(path)
    assert await endpoint.credentials() == "Bearer x"
    renewed = await asyncio.gather(*(endpoint.credentials(refused="Bearer x") for _ in range(4)))
    assert renewed == ["Bearer xx"] * 4
    assert await endpoint.credentials() == "Bearer xx"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("999999999999999999999999", 300),
        ("-5", None),
        ("1.5e3", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("²", None),
        ("", None),
    ],
)
def test_what_retry_after_asks_for_is_kept_within_reason_and_nonsense_counts_as_nothing(
    header: str, seconds: float | None
) -> None:
    for body in ("Too many requests, please try again later.", {"kind": "Status", "details": None}):
        assert refusal(429, body, {"retry-after": header}, "GET /").retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [
        {"details": "later"},
        {"details": {"retryAfterSeconds": "soon"}},
        {"details": {"retryAfterSeconds": -3}},
        {"details": {"retryAfterSeconds": True}},
        {"details": {"retryAfterSeconds": float("inf")}},
        {"reason": ["x"], "message": {"a": 1}, "details": []},
        [1, 2],
        None,
        42,
        "<html>" + "x" * 100_000,
    ],
)
@pytest.mark.parametrize("code", [400, 401, 409, 418, 429, 500, 599])
def test_a_refusal_whose_body_is_no_status_is_still_an_error_of_its_code(body: object, code: int) -> None:
    error = refusal(code, body, {}, "GET /x")
    assert (error.code, error.retry_after) == (code, None)
    assert len(str(error)) < 600


async def test_a_watch_event_longer_than_any_object_is_refused_before_it_fills_the_memory(
    tmp_path: Path,
) -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b'{"type":"ADDED","object":{"kind":"' + b"x" * 10_000_000 + b'"}}\n{"type":"')
        with suppress(ConnectionError):
            for _ in range(800):
                await answer.write(b"x" * 65536)
                sent += 65536
        return answer

    async with api(handler, tmp_path) as client:
        events = client.watch(PODS, "a")
        assert len((await anext(events))["object"]["kind"]) == 10_000_000
        with pytest.raises(Unreadable, match="a watch event of more than 16 MiB"):
            await anext(events)
    assert sent < 52_428_800


async def test_a_watch_event_that_is_no_json_is_named(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text='{"type":"ADDED"}\n<html>\n')

    async with api(handler, tmp_path) as client:
        events = client.watch(PODS, "a")
        assert await anext(events) == {"type": "ADDED"}
        with pytest.raises(Unreadable, match="no JSON"):
            await anext(events)
