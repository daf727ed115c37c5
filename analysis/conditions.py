"""`successCondition` and `failureCondition`: a small language, parsed and walked, never run as Python.

It is expr-lang's (https://expr-lang.org) as Argo Rollouts offers it: the name `result`, and the functions
`asInt asFloat isNaN isInf isNil default` beside the language's own. Conditions come from users and are
bounded in length, nesting, steps and the work of regular expressions.

Other than upstream, `isNil(x)` and `default(x, y)` look at x and not always at `result`, and functions and
names that do not exist are refused when the condition is read, not when it first runs.
"""

from datetime import datetime

from analysis.expressions.errors import ConditionError
from analysis.expressions.evaluate import Machine
from analysis.expressions.parser import parse
from analysis.expressions.values import Value, type_name

__all__ = ["ConditionError", "check", "evaluate", "moment"]


def check(text: str) -> None:
    """See whether a condition is one, without a result: for admission and lint.

    Raises:
        ConditionError: it does not parse, or names what does not exist.
    """
    parse(text)


def evaluate(text: str, result: Value, now: datetime) -> bool:
    """Whether the condition holds for this result.

    Args:
        text: The condition.
        result: What was measured: a value as JSON has it, floats with NaN and infinity.
        now: What the function `now()` says.

    Raises:
        ConditionError: it does not parse, does not fit the result, or does not come to a bool.
    """
    try:
        value = Machine(result, now).run(parse(text), {})
    except ConditionError as error:
        raise ConditionError(error.message, position=error.position, condition=text) from None
    if not isinstance(value, bool):
        raise ConditionError(f"expected bool, but got {type_name(value)}", condition=text)
    return value


def moment(text: str, now: datetime) -> datetime:
    """The time that an expression such as `now() - duration("5m")` comes to.

    Raises:
        ConditionError: it does not parse, or does not come to a time.
    """
    value = Machine(None, now).run(parse(text), {})
    if not isinstance(value, datetime):
        raise ConditionError(f"expected a time, but got {type_name(value)}", condition=text)
    return value
