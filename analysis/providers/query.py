"""One query to a Prometheus server. Its client blocks, so that it runs on threads of its own."""

import asyncio
import json
import math
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.util.retry import Retry

from analysis.providers.answers import hide, without_credentials
from analysis.providers.aws.credentials import Signer
from analysis.providers.http import Request, basic, excerpt
from rollouts.api.errors import Unavailable

ADDRESS_VARIABLE = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"
"""Where Prometheus is, for metrics that do not say."""
MAX_BYTES = 1 << 20
"""Of an answer."""

# Not asyncio.to_thread: that has a handful of threads for the whole process, and a server that hangs would
# take them all.
_THREADS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="prometheus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server and how to speak to it."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password: str = ""
    insecure: bool = False
    """Take any TLS certificate."""
    timeout: int = 30
    """Seconds for the whole answer."""
    sign: Signer | None = None
    """Signs every request, for AWS."""

    def credentials(self) -> Iterable[str]:
        """What must never be shown."""
        signing = self.sign.keys.hidden() if self.sign is not None else ()
        headers = dict(self.headers)
        if self.username:
            headers["Authorization"] = basic(self.username, self.password)
        request = Request(url=self.address, headers=headers, secrets=(self.password, *signing))
        return request.credentials()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time that a range query covers."""

    start: datetime
    end: datetime
    step: str
    """A duration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query came to."""

    result: float | list[float]
    """A number for a scalar, a list of numbers for a vector or a range; an empty list is no data."""
    warnings: tuple[str, ...] = ()
    labels: tuple[Mapping[str, str], ...] = ()
    """Of the series of a vector or a range, in their order."""
    points: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Of a range: time and number of each point, by series."""


class QueryFailed(Unavailable):
    """The query has no answer; the message says why and holds no credentials."""


class _Signature(requests.auth.AuthBase):
    """Signs what is about to be sent."""

    def __init__(self, sign: Signer) -> None:
        self._sign = sign

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        # A form's space is + to some and a plus to others; AWS signs %20.
        prepared.url = str(prepared.url).replace("+", "%20")
        request = self._sign(Request(url=prepared.url, method=str(prepared.method)))
        prepared.headers.update(request.headers)
        return prepared


class _Session(requests.Session):
    """A session that bounds the whole answer in time and size, and never carries credentials elsewhere."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.verify = not target.insecure
        self.content = b""
        self.status = 0
        self._end = time.monotonic() + target.timeout

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        answer = super().request(method, url, *args, **{**kwargs, "allow_redirects": False, "stream": True})
        parts: list[bytes] = []
        size = 0
        for part in answer.iter_content(65_536):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise QueryFailed(f"answered with more than {MAX_BYTES} bytes; aggregate in the query")
            if time.monotonic() > self._end:
                raise requests.ReadTimeout
        self.content = b"".join(parts)
        self.status = answer.status_code
        answer._content = self.content  # noqa: SLF001  the way to give a streamed response its body
        return answer


async def ask(target: Target, query: str, span: Span | None = None, *, at: datetime | None = None) -> Answer:
    """Run the query, for now (by the server's clock), for another moment, or over a span of time.

    Raises:
        QueryFailed: the server is down, slow, refuses the query, or answers with something else.
    """
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _ask, target, query, span, at)


def _ask(target: Target, query: str, span: Span | None, at: datetime | None) -> Answer:
    where = f"Prometheus at {without_credentials(target.address)}"
    if not target.address.startswith(("http://", "https://")):
        raise QueryFailed(
            f'"{without_credentials(target.address)}" is no address of Prometheus; use http(s)://'
        )
    with _Session(target) as session:
        try:
            server = _connect(target, session)
            if span is not None:
                found = server.custom_query_range(query, span.start, span.end, span.step)
                return _over_time(found, _warnings(session.content))
            when = {} if at is None else {"time": f"{at.timestamp():.3f}"}
            return _at_once(server.custom_query(query, params=when), _warnings(session.content))
        except QueryFailed as error:
            reason = str(error)
        except PrometheusApiClientException:
            reason = _refusal(session, target)
        except (requests.exceptions.JSONDecodeError, RecursionError, LookupError, TypeError, AttributeError):
            shown = excerpt(session.content, target.credentials())
            reason = f'answered with something else than its API: "{shown}"'
        except requests.exceptions.Timeout:
            reason = f"did not answer within {target.timeout} s"
        except requests.exceptions.SSLError:
            reason = "has a TLS certificate that cannot be verified"
        except requests.exceptions.ConnectionError as error:
            reason = _unreachable(str(error), target)
        except (requests.exceptions.RequestException, ValueError) as error:
            reason = f"cannot be asked: {type(error).__name__}"
    raise QueryFailed(hide(f"{where} {reason}", target.credentials()))


def _connect(target: Target, session: requests.Session) -> PrometheusConnect:
    if target.username:
        session.auth = (target.username, target.password)
    if target.sign is not None:
        session.auth = _Signature(target.sign)
    return PrometheusConnect(
        url=target.address.rstrip("/"),
        headers=dict(target.headers),
        session=session,
        timeout=target.timeout,
        # The engine takes the measurement again by itself and counts it; a retry in here would hide errors.
        retry=Retry(total=0, read=False, redirect=False),
    )


def _unreachable(detail: str, target: Target) -> str:
    """Which of the few things went wrong; the detail itself holds the query and perhaps credentials."""
    if "refused" in detail:
        return "refused the connection"
    return f"did not answer within {target.timeout} s" if "timed out" in detail else "cannot be reached"


def _at_once(result: Any, warnings: tuple[str, ...]) -> Answer:
    """A scalar comes as a bare pair of time and value, a vector as a list of series with such a pair each."""
    if len(result) == 2 and not isinstance(result[0], dict):
        return Answer(result=_number(result[1]), warnings=warnings)
    if any("value" not in series for series in result):
        raise QueryFailed("answered with a range or with histograms; the query must give one number a series")
    numbers = [_number(series["value"][1]) for series in result]
    return Answer(result=numbers, warnings=warnings, labels=_labels(result))


def _over_time(result: Any, warnings: tuple[str, ...]) -> Answer:
    """The numbers of all series, one series after the other, as upstream has them."""
    points = tuple(tuple((float(at), _number(text)) for at, text in series["values"]) for series in result)
    numbers = [number for series in points for _, number in series]
    return Answer(result=numbers, warnings=warnings, labels=_labels(result), points=points)


def _labels(result: Any) -> tuple[Mapping[str, str], ...]:
    return tuple(dict(series.get("metric") or {}) for series in result)


def _number(text: str) -> float:
    try:
        return float(text)
    except (ValueError, OverflowError):
        raise QueryFailed(f'answered with "{str(text)[:40]}", which is no number') from None


def _warnings(content: bytes) -> tuple[str, ...]:
    return tuple(map(str, json.loads(content).get("warnings") or ()))


def _refusal(session: _Session, target: Target) -> str:
    try:
        said = str(json.loads(session.content)["error"]).encode()
    except (ValueError, LookupError, TypeError, RecursionError):
        said = session.content
    detail = excerpt(said, target.credentials(), 300)
    return f"answered {session.status}: {detail}" if detail else f"answered {session.status}"


def single(answer: Answer) -> float | None:
    """The number of an answer that has one; None for none or NaN.

    Raises:
        QueryFailed: there are several.
    """
    numbers = answer.result if isinstance(answer.result, list) else [answer.result]
    if len(numbers) > 1:
        raise QueryFailed(f"the query gave {len(numbers)} series instead of one")
    return numbers[0] if numbers and not math.isnan(numbers[0]) else None
