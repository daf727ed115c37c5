"""Regular expressions that Envoy's engine (RE2) can run. Pure.

Envoy rejects a whole configuration for one expression that it does not understand: none such may get there.
"""

import re

# Look-around, back references, conditionals, atomic groups and possessive repeats: RE2 has none of them.
_BEYOND_RE2 = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=)|\\[1-9ZuUN]|[*+?}]\+")
_LONGEST, _MOST_REPEATS = 1000, 1000


def runs_in_re2(pattern: str) -> bool:
    """Whether the pattern is surely understood; some harmless ones are refused too."""
    if len(pattern) > _LONGEST or _BEYOND_RE2.search(pattern):
        return False
    if any(int(n) > _MOST_REPEATS for n in re.findall(r"\{(?:\d*,)?(\d+)", pattern)):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def anywhere(pattern: str) -> str:
    """The pattern for a search, in an engine that matches the whole text."""
    return f"(?s:.*)(?:{pattern})(?s:.*)"
