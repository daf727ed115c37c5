"""What an answer other than success says, whoever gave it: the API server, or something on the way."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rollouts.api.meta import Object
from rollouts.kube.errors import ApiError, from_status


def refusal(code: int, body: Any, headers: Mapping[str, str], request: str) -> ApiError:
    """The error that an answer stands for.

    A page in place of a Status becomes the message, and the header Retry-After counts where the Status does
    not say how long to wait. Names of headers are in lower case.
    """
    status: Object = body if isinstance(body, dict) else {"message": str(body)[:500]}
    wait = retry_after(headers)
    if wait is not None and not isinstance(status.get("details"), dict):
        status = {**status, "details": {"retryAfterSeconds": wait}}
    return from_status(code, status, request)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that Retry-After asks for, as a number or as a date; None for nothing, and for nonsense."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    with suppress(ValueError):
        date = parsedate_to_datetime(text)
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return None
