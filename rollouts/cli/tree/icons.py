"""One sign per state and kind, as readers of the upstream plugin know them, and their colours."""

import re

GOOD, GOING, HELD, BAD, WARNING, UNSURE, RESTING = "✔", "◌", "॥", "✖", "⚠", "?", "•"
ANALYSIS = "\N{GREEK SMALL LETTER ALPHA}"

STATES = {
    "Healthy": GOOD,
    "Running": GOOD,
    "Successful": GOOD,
    "Succeeded": GOOD,
    "Synced": GOOD,
    "Completed": GOOD,
    "Paused": HELD,
    "Suspended": HELD,
    "Degraded": BAD,
    "Failed": BAD,
    "OutOfSync": BAD,
    "Error": WARNING,
    "Missing": WARNING,
    "Inconclusive": UNSURE,
    "Unknown": UNSURE,
    "ScaledDown": RESTING,
}
"""Anything else is on its way."""

_COLOURS = {
    GOOD: "32",
    GOING: "36",
    HELD: "33",
    BAD: "31",
    WARNING: "33",
    UNSURE: "33",
    RESTING: "90",
    "▶": "36",
}
# A state's sign with the word after it; a count of measurements ("✔ 3") counts as a word.
_SIGN = re.compile(rf"([{''.join(map(re.escape, _COLOURS))}])( \w+)?")


def state(word: str) -> str:
    """A state with its sign."""
    return f"{STATES.get(word, GOING)} {word}"


def colour(text: str) -> str:
    """Colour the signs of a drawn tree, and the words after them, for a terminal."""
    return _SIGN.sub(lambda m: f"\x1b[{_COLOURS[m[1]]}m{m[0]}\x1b[0m", text)
