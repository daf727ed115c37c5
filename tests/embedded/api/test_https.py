"""The API over HTTPS: who gets in, what is too much, and how it ends."""

import asyncio
import io
import ssl
import stat
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest
import yaml

from rollouts.embedded.api.http import BODY_LIMIT, serve
from tests.embedded.api.objects import config_map

MAPS = "/api/v1/namespaces/default/configmaps"


@asynccontextmanager
async def session(server, *, token=None, **options):
    async with await serve(server, **options) as serving:
        trust = ssl.create_default_context(cadata=serving.ca.decode())
        headers = {"authorization": f"Bearer {serving.token if token is None else token}"}
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(serving.url, connector=connector, headers=headers) as http:
            yield http


async def answered(request):
    async with request as answer:
        return answer.status, await answer.json(content_type=None)


async def test_only_the_token_lets_in(server):
    async with session(server, token="wrong") as http:
        code, status = await answered(http.get(MAPS))
        assert (code, status["reason"]) == (401, "Unauthorized")
        async with http.get("/healthz") as health:
            assert (health.status, await health.text()) == (200, "ok")


async def test_a_token_that_is_no_text_does_not_let_in_either(server):
    async with await serve(server) as serving:
        trust = ssl.create_default_context(cadata=serving.ca.decode())
        host, port = serving.url.removeprefix("https://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=trust)
        writer.write(b"GET /api HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"401"
        writer.close()
        await writer.wait_closed()


async def test_the_certificate_is_of_our_own_authority(server):
    async with await serve(server) as serving, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"{serving.url}/healthz")


async def test_loopback_is_the_default(server):
    async with await serve(server) as serving:
        assert serving.url.startswith("https://127.0.0.1:")


async def test_the_kubeconfig_is_for_its_owner_alone(server, tmp_path):
    path = tmp_path / "state" / "kubeconfig"
    async with await serve(server, kubeconfig_path=path) as serving:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        config = yaml.safe_load(path.read_text())
        assert config["clusters"][0]["cluster"]["server"] == serving.url
        assert config["users"][0]["user"]["token"] == serving.token


async def test_a_body_may_be_yaml(server):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {when: 2026-01-31}\n"
    async with session(server) as http:
        headers = {"content-type": "application/yaml"}
        code, made = await answered(http.post(MAPS, data=text, headers=headers))
    assert (code, made["data"]) == (201, {"when": "2026-01-31"})


@pytest.mark.parametrize(
    ("content_type", "body", "code", "reason"),
    [
        ("application/json", b"{", 400, "BadRequest"),
        ("application/json", b"\xff\xfe", 400, "BadRequest"),
        ("application/json", b"[]", 400, "BadRequest"),
        ("application/json", b"", 400, "BadRequest"),
        ("application/yaml", b"a: [", 400, "BadRequest"),
        ("application/yaml", b"a: &x [1]\nb: *x", 400, "BadRequest"),
        ("application/yaml", b"1: 2", 400, "BadRequest"),
        ("application/yaml", b"[" * 5000, 400, "BadRequest"),
        ("text/plain", b"hello", 415, "UnsupportedMediaType"),
        ("application/vnd.kubernetes.protobuf", b"k8s\0nonsense", 400, "BadRequest"),
        ("application/json", b" " * (BODY_LIMIT + 1), 413, "RequestEntityTooLarge"),
    ],
)
async def test_a_bad_body_is_refused_with_a_status(server, content_type, body, code, reason):
    async with session(server) as http:
        headers = {"content-type": content_type}
        seen, status = await answered(http.post(MAPS, data=io.BytesIO(body), headers=headers))
    assert (seen, status["kind"], status["reason"]) == (code, "Status", reason)


async def test_a_refused_watch_is_a_plain_answer(server):
    async with session(server) as http:
        code, status = await answered(http.get(MAPS, params={"watch": "1", "resourceVersion": "99999"}))
    assert (code, status["kind"]) == (504, "Status")


async def test_a_watch_is_lines_of_json(server):
    async with session(server) as http, http.get(MAPS, params={"watch": "true"}) as watch:
        for name in "ab":
            await answered(http.post(MAPS, json=config_map(name)))
        lines = [orjson.loads(await watch.content.readline()) for _ in range(2)]
    assert [(line["type"], line["object"]["metadata"]["name"]) for line in lines] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
    ]


async def test_a_watcher_that_leaves_is_forgotten(server):
    async with session(server) as http:
        async with http.get(MAPS, params={"watch": "true"}):
            assert len(server.objects.storage._followers["", "configmaps"]) == 1
        for _ in range(500):
            if not server.objects.storage._followers["", "configmaps"]:
                return
            await asyncio.sleep(0.01)
        pytest.fail("the server still follows for a client that is gone")


async def test_the_server_goes_down_with_watches_open(server):
    async with asyncio.timeout(5):
        serving = await serve(server)
        trust = ssl.create_default_context(cadata=serving.ca.decode())
        headers = {"authorization": f"Bearer {serving.token}"}
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), headers=headers) as http,
            http.get(f"{serving.url}{MAPS}?watch=true") as watch,
        ):
            await serving.close()
            assert await watch.content.read() == b""


async def test_a_warning_comes_as_a_header(server):
    async with session(server) as http, http.post(MAPS, json={**config_map(), "dta": 1}) as answer:
        assert answer.headers["warning"] == '299 - "unknown field \\"dta\\""'


async def test_an_escaped_name_is_one_segment(server):
    async with session(server) as http:
        code, status = await answered(http.get(f"{MAPS}/a%2Fb"))
    assert (code, status["details"]["name"]) == (404, "a/b")
