"""The Prometheus provider against a small server on loopback."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from analysis.providers.prometheus import PrometheusProvider
from analysis.providers.query import ADDRESS_VARIABLE, MAX_BYTES
from tests.analysis.providers.requests import clock, run_with


class Server:
    """Answers every request with what it is told to, and remembers what it was asked."""

    def __init__(self):
        self.code, self.body, self.headers = 200, b"", {"content-type": "application/json"}
        self.requests = []
        self.released = threading.Event()
        self.silent = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append((self.path, dict(self.headers)))
                if outer.silent:
                    outer.released.wait(30)
                    return
                self.send_response(outer.code)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, kind, result, **more):
        self.body = json.dumps(
            {"status": "success", "data": {"resultType": kind, "result": result}, **more}
        ).encode()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


async def measured(server, args=None, **prometheus):
    spec = {"address": server.address, "query": "up", **prometheus}
    run, metric = run_with({"prometheus": spec}, args)
    return await PrometheusProvider(clock, {}).measure(run, metric, None)


@pytest.mark.parametrize(
    ("kind", "result", "value"),
    [
        ("scalar", [1700000000, "0.5"], "0.5"),
        ("vector", [{"metric": {}, "value": [1700000000, "0.97"]}], "[0.97]"),
        ("vector", [{"metric": {"a": x}, "value": [0, x]} for x in ("1", "2")], "[1.0,2.0]"),
        ("vector", [], "[]"),
        ("vector", [{"metric": {}, "value": [0, "NaN"]}], "[NaN]"),
        ("scalar", [0, "+Inf"], "Infinity"),
    ],
)
async def test_the_answer_is_the_value(server, kind, result, value):
    server.answer(kind, result)
    measurement = await measured(server)
    assert (measurement.value, measurement.phase) == (value, "")
    assert measurement.metadata == {"ResolvedPrometheusQuery": "up"}


async def test_the_query_is_sent_with_headers_and_credentials(server):
    server.answer("vector", [])
    await measured(
        server,
        query='sum(rate(x{a="b"}[1m]))',
        headers=[{"key": "X-Scope-OrgID", "value": "team"}],
        authentication={"basicAuth": {"username": "u", "password": "p"}},
    )
    path, headers = server.requests[0]
    assert urlsplit(path).path == "/api/v1/query"
    assert parse_qs(urlsplit(path).query) == {"query": ['sum(rate(x{a="b"}[1m]))']}
    assert (headers["X-Scope-OrgID"], headers["Authorization"]) == ("team", "Basic dTpw")


async def test_a_range_is_measured_as_all_its_values(server):
    server.answer("matrix", [{"metric": {}, "values": [[0, "1"], [60, "2"]]}])
    ends = {"start": "now() - duration('5m')", "end": "now()", "step": "1m"}
    measurement = await measured(server, rangeQuery=ends)
    assert measurement.value == "[1.0,2.0]"
    query = parse_qs(urlsplit(server.requests[0][0]).query)
    assert (query["start"], query["end"], query["step"]) == (["1769860500"], ["1769860800"], ["1m"])


async def test_a_range_whose_end_is_no_time_is_an_error_that_quotes_it(server):
    measurement = await measured(server, rangeQuery={"start": "5", "end": "now()", "step": "1m"})
    assert measurement.message == 'rangeQuery.start: "5": expected a time, but got int'


async def test_warnings_are_kept(server):
    server.answer("vector", [], warnings=["partial data"])
    assert (await measured(server)).metadata["warnings"] == "partial data"


async def test_the_address_can_come_from_the_environment(server):
    server.answer("scalar", [0, "1"])
    run, metric = run_with({"prometheus": {"query": "up"}})
    environ = {ADDRESS_VARIABLE: server.address}
    assert (await PrometheusProvider(clock, environ).measure(run, metric, None)).value == "1.0"
    missing = await PrometheusProvider(clock, {}).measure(run, metric, None)
    assert missing.phase == "Error"
    assert (
        "set provider.prometheus.address in the metric, or ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"
        in missing.message
    )


@pytest.mark.parametrize(
    ("code", "body", "message"),
    [
        (
            400,
            b'{"status":"error","errorType":"bad_data","error":"1:5: parse error"}',
            "answered 400: 1:5: parse error",
        ),
        (404, b"404 page not found", "answered 404: 404 page not found"),
        (500, b"", "answered 500"),
        (503, b"<html>busy</html>", "answered 503: <html>busy</html>"),
        (302, b"", "answered 302"),
        (200, b"<html>Sign in</html>", 'answered with something else than its API: "<html>Sign in</html>"'),
        (200, b'{"status":"success"}', 'answered with something else than its API: "{"status":"success"}"'),
        (200, b"[]", 'answered with something else than its API: "[]"'),
        (200, b"x" * (MAX_BYTES + 1), f"answered with more than {MAX_BYTES} bytes; aggregate in the query"),
        (200, b'{"data":{"result":[{"histogram":[]}]}}', "answered with a range or with histograms"),
        (200, b'{"data":{"result":[0,"text"]}}', 'answered with "text", which is no number'),
    ],
)
async def test_what_is_no_answer_is_an_error_that_says_why(server, code, body, message):
    server.code, server.body = code, body
    if code == 302:
        server.headers["location"] = "http://elsewhere.invalid/"
    measurement = await measured(server)
    assert measurement.phase == "Error"
    assert measurement.message.startswith(f"Prometheus at {server.address} {message}")
    assert len(server.requests) == 1


async def test_a_server_that_is_down_is_an_error_and_what_it_was_to_be_asked_is_told():
    gone = Server()
    gone.close()
    measurement = await measured(gone)
    assert measurement.message == f"Prometheus at {gone.address} refused the connection"
    assert measurement.metadata["ResolvedPrometheusQuery"]


async def test_a_server_that_is_slow_is_an_error(server):
    server.silent = True
    measurement = await measured(server, timeout=1)
    assert measurement.message == f"Prometheus at {server.address} did not answer within 1 s"


async def test_what_is_no_address_is_refused():
    run, metric = run_with({"prometheus": {"address": "prometheus:9090", "query": "up"}})
    measurement = await PrometheusProvider(clock, {}).measure(run, metric, None)
    assert "is no address of Prometheus; use http(s)://" in measurement.message


async def test_a_signature_for_a_server_that_is_not_amazons_is_refused(server):
    measurement = await measured(server, authentication={"sigv4": {"region": "eu-west-1"}})
    assert measurement.message == (
        "authentication.sigv4: is for Amazon Managed Service for Prometheus, whose addresses hold "
        "aps-workspaces; remove it"
    )
    assert server.requests == []


async def test_a_secret_is_neither_in_the_measurement_nor_in_the_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.code, server.body = 401, b"bad password hunter2 or token Bearer-hunter2"
    for more in ({}, {"address": server.address.replace("http://", "http://user:hunter2@")}):
        measurement = await measured(
            server,
            headers=[{"key": "X-Token", "value": "Bearer-hunter2"}],
            authentication={"basicAuth": {"username": "u", "password": "hunter2"}},
            **more,
        )
        assert measurement.phase == "Error"
        assert "hunter2" not in measurement.model_dump_json()
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("code", [200, 401])
async def test_of_a_secret_that_is_longer_than_what_is_shown_of_an_answer_nothing_is_shown(server, code):
    token = "hunter2-" * 200
    server.code, server.body = code, f"<p>{token}</p>".encode()
    measurement = await measured(server, headers=[{"key": "Authorization", "value": f"Bearer {token}"}])
    assert measurement.phase == "Error"
    assert "<p>*****</p>" in measurement.message
    assert "hunter2" not in measurement.message


async def test_the_query_is_kept_without_its_secrets(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.answer("scalar", [0, "1"])
    args = [
        {"name": "job", "value": "web"},
        {"name": "key", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    run, metric = run_with(
        {"prometheus": {"address": server.address, "query": "up{job='{{args.job}}',key='{{args.key}}'}"}},
        args,
    )
    prometheus = metric.provider.prometheus.model_copy(update={"query": "up{job='web',key='hunter2'}"})
    resolved = metric.model_copy(
        update={"provider": metric.provider.model_copy(update={"prometheus": prometheus})}
    )
    measurement = await PrometheusProvider(clock, {}).measure(run, resolved, None)
    assert measurement.metadata == {"ResolvedPrometheusQuery": "up{job='web',key='*****'}"}
    assert "hunter2" in server.requests[0][0]
    assert "hunter2" not in caplog.text
