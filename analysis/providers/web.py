"""`provider.web`: a value out of the answer to an HTTP request."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from analysis import jsonpath
from analysis.providers.answers import Clock, without_credentials
from analysis.providers.authentication import authenticated
from analysis.providers.aws.credentials import Aws
from analysis.providers.http import TIMEOUT, Request, excerpt, fetch, json_content
from analysis.providers.oneshot import Failed, Found, OneShot
from rollouts.api.analysis import AnalysisRun, Metric
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.providers import WebMetric

_METHODS = ("GET", "POST", "PUT")


class WebProvider(OneShot):
    """JSON is measured as the part that `jsonPath` picks, any other answer as a string."""

    def __init__(
        self,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(clock)
        self._transport = transport
        self._aws = Aws(clock=clock, environ=environ, transport=transport)

    async def ask(self, run: AnalysisRun, metric: Metric, now: datetime) -> Found:
        spec = metric.provider.web
        if spec is None:
            raise InvalidSpec(".provider.web", "is missing")
        where = f"{spec.method or 'GET'} {without_credentials(spec.url)}"
        try:
            path = jsonpath.parse(spec.json_path)
            request = await authenticated(_request(spec), spec.authentication, self._aws, self._transport)
        except (InvalidSpec, Unavailable) as failure:
            raise Failed(f"{where}: {failure}") from None
        return Found(result=_pick(await fetch(request, self._transport), path, spec.json_path, request))


def _request(spec: WebMetric) -> Request:
    method = (spec.method or "GET").upper()
    if method not in _METHODS:
        raise InvalidSpec("method", f'"{spec.method}" is not supported; use {", ".join(_METHODS)}', method)
    if spec.body and spec.json_body is not None:
        raise InvalidSpec("jsonBody", "use either Body or JSONBody; both cannot exists for WebMetric payload")
    if method == "GET" and (spec.body or spec.json_body is not None):
        raise InvalidSpec("body", "Body can only be used with POST or PUT WebMetric Method types")
    request = Request(
        url=spec.url,
        method=method,
        headers={header.key: header.value for header in spec.headers},
        content=spec.body.encode() if spec.json_body is None else json_content(spec.json_body),
        timeout=spec.timeout_seconds or TIMEOUT,
        insecure=spec.insecure,
    )
    return request if spec.json_body is None else request.with_headers({"Content-Type": "application/json"})


def _pick(content: bytes, path: jsonpath.Path, text: str, request: Request) -> Any:
    """The value in an answer. What is not JSON is a string, which only the whole path can pick."""
    where = f"{request.method} {without_credentials(request.url)}"
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        if path:
            shown = excerpt(content, request.credentials())
            said = f'the answer is not JSON, so that jsonPath "{text}" leads nowhere: "{shown}"'
            raise Failed(f"{where}: {said}") from None
        return content.decode("utf-8", "replace")
    try:
        return jsonpath.find(path, data)
    except KeyError as missing:
        raise Failed(f'{where}: jsonPath "{text}": {missing.args[0]}') from None
