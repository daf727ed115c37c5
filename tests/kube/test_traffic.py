"""Requests are counted by what they ask for, never by the name of an object."""

from pathlib import Path

import pytest
from aiohttp import web

from rollouts.kube import config
from rollouts.kube.http import open_client
from rollouts.kube.resources import PODS, ROLLOUTS
from rollouts.kube.traffic import Call, Traffic, call_of
from rollouts.kube.transport import Request
from tests.kube.test_http import api


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", PODS.path("a", "x"), Call("Get", "pods")),
        ("GET", PODS.path("a"), Call("List", "pods")),
        ("GET", PODS.path(), Call("List", "pods")),
        ("GET", "/api/v1/namespaces/a", Call("Get", "namespaces")),
        ("PATCH", ROLLOUTS.path("a", "x", "status"), Call("Patch", "rollouts")),
        ("POST", ROLLOUTS.path("a"), Call("Create", "rollouts")),
        ("DELETE", ROLLOUTS.path("a", "x"), Call("Delete", "rollouts")),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/x", Call("Update", "leases")),
        ("GET", "/version", Call("Get", "")),
    ],
)
def test_a_request_is_of_a_verb_and_a_kind(method: str, path: str, call: Call) -> None:
    assert call_of(Request(method=method, path=path)) == call


def test_a_watch_is_no_list() -> None:
    assert call_of(Request(method="GET", path=PODS.path(), query={"watch": "true"})) == Call("Watch", "pods")


async def test_answers_and_the_bytes_of_their_bodies_are_counted(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response(body=b'{"type":"BOOKMARK","object":{}}\n', content_type="application/json")
        return web.json_response({"message": "taken"}, status=409)

    traffic = Traffic()
    async with api(handler, tmp_path):
        endpoint = await config.load(str(tmp_path / "kubeconfig"))
        client = open_client(endpoint, traffic)
        assert [event["type"] async for event in client.watch(PODS)] == ["BOOKMARK"]
        with pytest.raises(Exception, match="taken"):
            await client.create(PODS, {"a": 1}, "a")
        await client.close()
    watch, create = Call("Watch", "pods"), Call("Create", "pods")
    assert traffic.answers == {(watch, 200): 1, (create, 409): 1}
    assert traffic.sent == {create: len(b'{"a":1}')}
    assert traffic.received == {watch: 32, create: len('{"message": "taken"}')}
