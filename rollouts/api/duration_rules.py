"""What a duration must satisfy where an argument may stand in its place."""

from collections.abc import Iterator

from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.paths import wrong

TEMPLATED = "{{"
"""In a text that waits for an argument, so that it cannot be judged yet."""


def duration_problems(text: str, path: str) -> Iterator[InvalidSpec]:
    """List what is wrong with a duration, if there is one: it must be longer than 0."""
    if not text or TEMPLATED in text:
        return
    try:
        if parse_duration(text).total_seconds() <= 0:
            yield wrong(path, "must be longer than 0", text)
    except ValueError:
        yield wrong(path, "must be a duration such as 30s, 5m or 1h30m", text)
