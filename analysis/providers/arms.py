"""The sides of a comparison, asked of a Prometheus server: all at one moment, which is the server's own.

Two clocks that disagree would move a window, and two moments would count errors whose requests are still to
come. So the server says what time it is, and each window begins where the one before it ended, to the
millisecond.
"""

import asyncio
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from analysis.providers.counts import Arm, Unusable, bound
from analysis.providers.looks import read_time, remaining
from analysis.providers.query import Answer, QueryFailed, Span, Target, ask
from rollouts.api.analysis import RunBaseline
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.api.providers import PrometheusArm

NOTES = ("asked",)
"""What the next look begins with: the moment that was asked about."""
LATE = timedelta(seconds=5)
"""How far back a moment lies: the samples of a scrape that is under way bear its beginning and come late."""

_PLACE = re.compile(r"\{\{\s*(window|baseline\.service|baseline\.podTemplateHash)\s*\}\}")


class NoAnswer(Unavailable):
    """A query gave no number where one is needed; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that a look counts for, by the clock of the server."""

    since: datetime
    at: datetime
    left: timedelta
    """How long it still lasts; nothing when it is over."""

    @property
    def length(self) -> timedelta:
        """How long it is so far."""
        return self.at - self.since

    def notes(self, begin: datetime) -> Mapping[str, str]:
        """What to note so that the next look begins then."""
        return {NOTES[0]: begin.isoformat()}


async def window(target: Target, notes: Mapping[str, str], least: timedelta) -> Window:
    """The window from what the look before has noted until now; one of no length at the first look.

    Raises:
        QueryFailed: the server does not say what time it is.
    """
    at = await _moment(target)
    noted = read_time(notes[NOTES[0]]) if notes else None
    since = at if noted is None else min(noted, at)
    return Window(since=since, at=at, left=remaining(since, at, least))


async def _moment(target: Target) -> datetime:
    """A moment whose samples are all there."""
    now = (await ask(target, "time()")).result
    if not isinstance(now, float) or not 0 < now < 1e11:
        raise QueryFailed(f"{target.address} does not say what time it is")
    return datetime.fromtimestamp(round(now, 3), UTC) - LATE


def filled(arm: PrometheusArm, window: timedelta, baseline: RunBaseline | None) -> PrometheusArm:
    """The queries with `{{window}}` and what is known of the baseline pods in place."""
    pods = baseline or RunBaseline()
    places = {
        "window": f"{round(window.total_seconds() * 1000)}ms",
        "baseline.service": pods.service,
        "baseline.podTemplateHash": pods.pod_template_hash,
    }
    queries = {
        name: _PLACE.sub(lambda place: places[place[1]], getattr(arm, name))
        for name in PrometheusArm.model_fields
    }
    return PrometheusArm(**queries)


async def counted(
    target: Target, name: str, arm: PrometheusArm, at: datetime, *, per_second: float = 1
) -> Arm:
    """What the queries of one side count.

    Args:
        target: The server.
        name: Of the side, for messages.
        arm: Its queries, filled in.
        at: When.
        per_second: How many units of a bucket's bound make a second.

    Raises:
        NoAnswer: a query gives nothing, or NaN.
        Unusable: one gives several series where one is meant, or buckets that are none.
        QueryFailed: the server has no answer.
    """
    asked = [field for field in ("requests", "errors", "buckets") if getattr(arm, field)]
    answers = await asyncio.gather(*(ask(target, getattr(arm, field), at=at) for field in asked))
    found = dict(zip(asked, answers, strict=True))
    buckets = _buckets(f"{name}.buckets", found["buckets"], per_second) if "buckets" in found else None
    if "requests" in found:
        requests = _single(f"{name}.requests", found["requests"])
    else:
        requests = (buckets or {}).get("+Inf", 0.0)
    errors = _single(f"{name}.errors", found["errors"]) if "errors" in found else None
    return Arm(requests=requests, errors=errors, buckets=buckets)


async def series(target: Target, name: str, query: str, span: Span) -> list[float | None]:
    """The points of one side over a span of time, None where one is missing.

    Raises:
        InvalidSpec: the step is no time above zero.
        Unusable: there are several series, or a number is infinite.
        QueryFailed: the server has no answer.
    """
    start, step = round(span.start.timestamp()), _seconds(span.step)
    answer = await ask(target, query, span)
    if len(answer.points) > 1:
        raise Unusable(f"{name} gave {len(answer.points)} series instead of one; aggregate with sum()")
    size = max(math.floor((round(span.end.timestamp()) - start) / step) + 1, 0)
    found: list[float | None] = [None] * size
    for at, number in answer.points[0] if answer.points else ():
        if math.isinf(number):
            raise Unusable(f"{name} is {number:g} at {_shown(at)}; the query must give finite numbers")
        place = math.floor((at - start) / step + 0.5)
        if 0 <= place < size and not math.isnan(number):
            found[place] = number
    return found


def _seconds(step: str) -> float:
    try:
        seconds = parse_duration(step).total_seconds()
    except ValueError as problem:
        raise InvalidSpec("rangeQuery.step", str(problem), step) from None
    if seconds <= 0:
        raise InvalidSpec("rangeQuery.step", "must be longer than 0", step)
    return seconds


def _shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _single(name: str, answer: Answer) -> float:
    numbers = answer.result if isinstance(answer.result, list) else [answer.result]
    if len(numbers) > 1:
        raise Unusable(f"{name} gave {len(numbers)} series instead of one; aggregate with sum()")
    if not numbers:
        raise NoAnswer(f'{name} gave nothing; where that means none, write "... or vector(0)"')
    if math.isnan(numbers[0]):
        raise NoAnswer(f"{name} gave NaN")
    return numbers[0]


def _buckets(name: str, answer: Answer, per_second: float) -> dict[str, float]:
    """The buckets by their bounds in seconds."""
    if not isinstance(answer.result, list) or any("le" not in labels for labels in answer.labels):
        raise Unusable(f"{name} gave a number without le; write sum by (le) (...) over the buckets")
    if not answer.result:
        raise NoAnswer(f"{name} gave nothing")
    buckets: dict[str, float] = {}
    for labels, number in zip(answer.labels, answer.result, strict=True):
        le = bound(labels["le"], per_second=per_second)
        if le in buckets:
            raise Unusable(f'{name} gave several series for le="{labels["le"]}"; write sum by (le) (...)')
        if math.isnan(number):
            raise NoAnswer(f'{name} gave NaN for le="{labels["le"]}"')
        buckets[le] = number
    return buckets
