"""What a provider answered, held to what a measurement may be: sources lie about time and size. Pure."""

from datetime import datetime, timedelta

from analysis.judgement import COMPLETED
from analysis.values import MAX_VALUE
from rollouts.api.analysis import Measurement

MAX_MESSAGE = 2_000
"""Characters of a message that are kept."""
MAX_METADATA = 65_536
"""Characters of all metadata; what is under way is in there, so that a part would be none."""
LONGEST_PAUSE = timedelta(hours=1)
"""After which a measurement under way is looked at again, whatever its provider says."""
_PHASES = {*COMPLETED, "Running", "Pending", ""}


def sound(taken: Measurement, started: datetime, now: datetime) -> Measurement:
    """The measurement with times that are not after now and texts that fit into a status.

    What is too large to be kept, or is of no known phase, is an Error that says so.
    """
    begin = min(taken.started_at or started, now)
    problem = _problem(taken)
    if problem:
        return Measurement(phase="Error", message=problem, started_at=begin, finished_at=now)
    running = taken.phase == "Running"
    return taken.model_copy(
        update={
            "started_at": begin,
            "finished_at": None if running else max(min(taken.finished_at or now, now), begin),
            "resume_at": min(taken.resume_at, now + LONGEST_PAUSE) if running and taken.resume_at else None,
            "message": clipped(taken.message),
        }
    )


def clipped(message: str, length: int = MAX_MESSAGE) -> str:
    """A message that is not longer than that."""
    return message if len(message) <= length else message[: length - 3] + "..."


def _problem(taken: Measurement) -> str:
    if taken.phase not in _PHASES:
        return f'the provider answered with phase "{clipped(str(taken.phase), 40)}", which there is not'
    if len(taken.value) > MAX_VALUE:
        return f"the result has {len(taken.value)} characters, more than {MAX_VALUE}; pick a part of it"
    size = sum(len(name) + len(text) for name, text in taken.metadata.items())
    if size > MAX_METADATA:
        return f"the provider's metadata has {size} characters, more than {MAX_METADATA}"
    return ""
