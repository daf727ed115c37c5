"""The web provider over a recorded transport."""

import json
import logging

import httpx
import pytest

from analysis.providers.http import MAX_BYTES
from analysis.providers.web import WebProvider
from tests.analysis.providers.requests import clock, run_with

URL = "http://metrics.test/api"


async def measured(answer, **web):
    """Measure once; `answer` is a response, an exception, or a function of the request."""

    def handler(request):
        found = answer(request) if callable(answer) else answer
        if isinstance(found, Exception):
            raise found
        return found

    run, metric = run_with({"web": {"url": URL, **web}})
    return await WebProvider(clock, httpx.MockTransport(handler)).measure(run, metric, None)


def answering(body, code=200, **headers):
    return httpx.Response(code, json=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        ({"data": {"ok": True}}, "{$.data.ok}", "true"),
        ({"data": [{"v": 0.5}]}, "{$.data[0].v}", "0.5"),
        ({"data": [1, 2, 3]}, "{.data[-1]}", "3"),
        ({"a-b": {"c d": 1}}, "{$['a-b']['c d']}", "1"),
        ({"a": 1}, "", '{"a":1}'),
        ([1, 2], "{$}", "[1,2]"),
        ("up", "{$}", '"up"'),
        ({"a": None}, "{$.a}", ""),
        ({"a": []}, "{$.a}", "[]"),
    ],
)
async def test_the_path_picks_the_value(body, path, value):
    measurement = await measured(answering(body), jsonPath=path)
    assert (measurement.value, measurement.phase, measurement.message) == (value, "", "")
    assert measurement.finished_at == clock()


async def test_not_a_number_stays_one():
    measurement = await measured(httpx.Response(200, text='{"v": NaN}'), jsonPath="{$.v}")
    assert measurement.value == "NaN"


async def test_an_answer_that_is_not_json_is_a_string():
    assert (await measured(httpx.Response(200, text="all good"))).value == '"all good"'


async def test_an_empty_answer_is_an_empty_string():
    assert (await measured(httpx.Response(200))).value == '""'


@pytest.mark.parametrize(
    ("answer", "web", "message"),
    [
        (answering({}, 404), {}, 'GET http://metrics.test/api: received non 2xx response code: 404 "{}"'),
        (httpx.Response(503, text="busy"), {}, 'received non 2xx response code: 503 "busy"'),
        (httpx.ReadTimeout("slow"), {"timeoutSeconds": 3}, "no answer within 3 s"),
        (httpx.ConnectError("All connection attempts failed"), {}, "cannot connect"),
        (httpx.RemoteProtocolError("x"), {}, "the request failed: RemoteProtocolError"),
        (
            httpx.Response(200, text="<html>Sign in</html>"),
            {"jsonPath": "{$.v}"},
            'the answer is not JSON, so that jsonPath "{$.v}" leads nowhere: "<html>Sign in</html>"',
        ),
        (answering({"a": 1}), {"jsonPath": "{$.b}"}, 'jsonPath "{$.b}": b is not found'),
        (answering([1]), {"jsonPath": "{$[3]}"}, "array index out of bounds: index 3, length 1"),
        (answering([1]), {"jsonPath": "{$.items[*].v}"}, "name one value with fields and indexes"),
        (answering([1]), {"jsonPath": "$.a"}, "must stand in braces"),
        (httpx.Response(200, text="x" * (MAX_BYTES + 1)), {}, f"the answer has more than {MAX_BYTES} bytes"),
        (answering({"a": "x" * 20_000}), {}, "more than 16384; pick a part of it"),
        (
            answering({}),
            {"authentication": {"sigv4": {"region": "eu"}}},
            "the host does not tell which AWS service it is; use an address under amazonaws.com",
        ),
    ],
)
async def test_what_is_no_value_is_an_error_that_says_why(answer, web, message):
    measurement = await measured(answer, **web)
    assert measurement.phase == "Error"
    assert message in measurement.message
    assert measurement.value == ""


async def test_method_headers_and_body_are_sent():
    seen = {}

    def handler(request):
        seen.update(method=request.method, key=request.headers["x-key"], body=json.loads(request.content))
        return answering(1)

    headers = [{"key": "X-Key", "value": "k"}]
    await measured(handler, method="POST", headers=headers, jsonBody={"a": [1]})
    assert seen == {"method": "POST", "key": "k", "body": {"a": [1]}}


async def test_a_body_as_text_is_sent_as_it_is():
    bodies = []

    def handler(request):
        bodies.append(request.content)
        return answering(1)

    await measured(handler, method="PUT", body="plain")
    assert bodies == [b"plain"]


async def test_basic_authentication_is_sent():
    seen = []

    def handler(request):
        seen.append(request.headers["authorization"])
        return answering(1)

    await measured(handler, authentication={"basicAuth": {"username": "u", "password": "p"}})
    assert seen == ["Basic dTpw"]


async def test_a_token_is_fetched_and_sent():
    def handler(request):
        if request.url.path == "/token":
            assert b"grant_type=client_credentials&scope=read" in request.content
            return answering({"access_token": "t0k"})
        return answering(request.headers["authorization"] == "Bearer t0k")

    oauth2 = {"tokenUrl": "http://sso.test/token", "clientId": "i", "clientSecret": "s", "scopes": ["read"]}
    assert (await measured(handler, authentication={"oauth2": oauth2})).value == "true"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(401, text="s3cret"), "the token server answered 401"),
        (
            httpx.Response(200, text="<html>"),
            "the token server is of no use: its answer is too long, or not JSON",
        ),
        (httpx.ConnectError("refused"), "POST http://sso.test/token: cannot connect"),
    ],
)
async def test_without_a_token_nothing_is_measured(answer, message):
    oauth2 = {"tokenUrl": "http://sso.test/token", "clientId": "i", "clientSecret": "s3cret"}
    measurement = await measured(answer, authentication={"oauth2": oauth2})
    assert measurement.phase == "Error"
    assert measurement.message.endswith(message)


async def test_a_redirect_within_the_host_is_followed():
    def handler(request):
        if request.url.path == "/api":
            return httpx.Response(302, headers={"location": "/v2"})
        return answering(request.headers.get("x-key"))

    measurement = await measured(handler, headers=[{"key": "X-Key", "value": "k"}])
    assert measurement.value == '"k"'


async def test_a_redirect_elsewhere_is_followed_with_nothing_to_hide():
    def handler(request):
        if request.url.host == "metrics.test":
            return httpx.Response(302, headers={"location": "http://other.test/"})
        return answering(7)

    assert (await measured(handler)).value == "7"


@pytest.mark.parametrize(
    "web",
    [
        {"headers": [{"key": "X-Key", "value": "k"}]},
        {"authentication": {"basicAuth": {"username": "u", "password": "p"}}},
        {"url": "http://u:p@metrics.test/api"},
    ],
)
async def test_a_redirect_elsewhere_never_gets_credentials(web):
    hosts = []

    def handler(request):
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"location": "http://other.test/?q=1"})

    measurement = await measured(handler, **web)
    assert hosts == ["metrics.test"]
    assert (
        "answered 302 to http://other.test/; headers, credentials and bodies are not" in measurement.message
    )


async def test_redirects_come_to_an_end():
    measurement = await measured(httpx.Response(302, headers={"location": "/api"}))
    assert measurement.message.endswith("redirected more than 5 times")


async def test_a_secret_is_neither_in_the_measurement_nor_in_the_log(caplog):
    caplog.set_level(logging.DEBUG)

    def handler(request):
        return httpx.Response(403, text=f"bad key {request.headers}")

    measurement = await measured(
        handler,
        url="http://user:hunter2@metrics.test/api?token=hunter2",
        headers=[{"key": "X-Key", "value": "hunter2"}, {"key": "Authorization", "value": "Bearer hunter2"}],
    )
    assert measurement.phase == "Error"
    assert "403" in measurement.message
    assert "hunter2" not in measurement.model_dump_json()
    assert "hunter2" not in caplog.text


async def test_a_request_is_never_left_under_way():
    run, metric = run_with({"web": {"url": URL}})
    provider = WebProvider(clock, httpx.MockTransport(lambda _: answering(1)))
    measurement = await provider.measure(run, metric, None)
    assert (await provider.terminate(run, metric, measurement)).phase == "Error"
