"""What a SignalFlow computation answers: server-sent events, each with a type and a JSON message. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any

from analysis.providers.answers import quoted
from analysis.providers.numbers import number
from analysis.providers.oneshot import Failed

_LINES = re.compile(r"\r\n|\n|\r")


def last_value(content: bytes) -> float | None:
    """The last value of the only series that a computation published; None for none.

    Raises:
        Failed: there are several series, the computation failed, or did not come to its end.
    """
    values: dict[str, float] = {}
    ended = False
    try:
        for kind, message in events(content):
            if kind == "error" or (kind == "control-message" and message["event"] == "CHANNEL_ABORT"):
                raise Failed(f"SignalFlow: the program failed: {_reason(message)}")
            if kind == "control-message" and message["event"] == "END_OF_CHANNEL":
                ended = True
            if kind == "data":
                for point in message["data"]:
                    if point["value"] is not None:
                        values[str(point["tsId"])] = number(point["value"])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Failed("SignalFlow answered with something else than its API") from None
    if not ended:
        raise Failed("SignalFlow: the answer stops before the program ended")
    if len(values) > 1:
        raise Failed(
            f"SignalFlow answered with {len(values)} series instead of one; aggregate them in the program, "
            "as with sum() or mean(), and publish one stream"
        )
    return next(iter(values.values()), None)


def events(content: bytes) -> Iterator[tuple[str, Any]]:
    """Each event with its message.

    Raises:
        ValueError: a message is not JSON.
    """
    kind, data = "", list[str]()
    for line in [*_LINES.split(content.decode()), ""]:
        name, _, text = line.partition(":")
        match name:
            case "event":
                kind = text.strip()
            case "data":
                data.append(text)
            case "" if not line and data:
                yield kind, json.loads("\n".join(data))
                kind, data = "", []


def _reason(message: Any) -> str:
    """What went wrong, as the server puts it."""
    about = message.get("errors") or message.get("abortInfo") or message
    return quoted(json.dumps(about, ensure_ascii=False))
