"""The measurements that providers answer with, and what keeps credentials out of them."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from analysis import arguments
from analysis.values import MAX_VALUE, encode
from rollouts.api.analysis import AnalysisRun, Measurement, Metric
from rollouts.api.errors import InvalidSpec

MAX_QUOTED = 500
"""Characters of what a server says."""

Clock = Callable[[], datetime]


def value(
    started: datetime, now: datetime, result: Any, metadata: Mapping[str, str] | None = None
) -> Measurement:
    """A finished measurement; it is not judged yet. None is no data."""
    text = encode(result)
    if len(text) > MAX_VALUE:
        return error(
            started, now, f"the result has {len(text)} characters, more than {MAX_VALUE}; pick a part of it"
        )
    return Measurement(started_at=started, finished_at=now, value=text, metadata=dict(metadata or {}))


def no_data(
    started: datetime, now: datetime, message: str, metadata: Mapping[str, str] | None = None
) -> Measurement:
    """A finished measurement without a value, and why."""
    return Measurement(started_at=started, finished_at=now, message=message, metadata=dict(metadata or {}))


def error(
    started: datetime, now: datetime, message: str, metadata: Mapping[str, str] | None = None
) -> Measurement:
    """A measurement that could not be taken."""
    return Measurement(
        phase="Error", started_at=started, finished_at=now, message=message, metadata=dict(metadata or {})
    )


def running(started: datetime, resume_at: datetime, metadata: Mapping[str, str]) -> Measurement:
    """A measurement under way, with all that is needed to go on."""
    return Measurement(
        phase="Running", started_at=started, resume_at=round_up(resume_at), metadata=dict(metadata)
    )


def round_up(moment: datetime) -> datetime:
    """The next whole second: Kubernetes writes times without fractions, and cut off it would be too early."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def public(run: AnalysisRun, metric: Metric) -> Metric:
    """The metric as it may be shown: with its arguments, and `*****` where a secret stands."""
    for original in run.spec.metrics:
        if original.name == metric.name:
            try:
                return arguments.resolve(original, arguments.known_values(run.spec.args))
            except InvalidSpec:
                break
    return Metric(name=metric.name)


def without_credentials(url: str) -> str:
    """Scheme, host and path of a URL: neither user and password nor the query."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(not a URL)"
    return urlunsplit((parts.scheme, f"[{host}]{port}" if ":" in host else host + port, parts.path, "", ""))


def hush(*loggers: str) -> None:
    """Keep HTTP libraries from logging whole URLs, whose queries may hold secrets, at info or debug."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)


def quoted(text: str) -> str:
    """What a server says, whole or not at all.

    Cut short, half a secret could be left, which nobody recognises any more: of arguments only the controller
    knows which are secret.
    """
    text = " ".join(text.split())
    return text if len(text) <= MAX_QUOTED else f"({len(text)} characters, too many to show)"


def hide(message: str, credentials: Iterable[str]) -> str:
    """The message without the credentials, which a server may well have echoed.

    A header of up to three characters is no secret, and hiding it would tear the message to pieces.
    """
    return arguments.redact(message, [each for each in credentials if len(each) > 3])
