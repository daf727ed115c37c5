"""`successCondition` and `failureCondition`: a small language, parsed and walked, never run as Python.

It is expr-lang's (https://expr-lang.org) as Argo Rollouts offers it: the name `result`, and the functions
`asInt asFloat isNaN isInf isNil default` beside the language's own. Conditions come from users and are
bounded in length, nesting, steps and the work of regular expressions.

Other than upstream, `isNil(x)` and `default(x, y)` look at x and not always at `result`, and functions and
names that do not exist are refused when the condition is read, not when it first runs.
"""

from datetime import datetime

from analysis.expressions import natures
from analysis.expressions.errors import ConditionError
from analysis.expressions.evaluate import Machine
from analysis.expressions.parser import parse
from analysis.expressions.syntax import Node
from analysis.expressions.values import Budget, Misfit, Value, go_type, measured

__all__ = ["ConditionError", "calculate", "check", "evaluate", "moment"]


def check(text: str) -> None:
    """See whether a condition is one, without a result: for admission and lint.

    Raises:
        ConditionError: it does not parse, or names what does not exist.
    """
    parse(text)


def evaluate(text: str, result: object, now: datetime) -> bool:
    """Whether the condition holds for this result.

    Args:
        text: The condition.
        result: What was measured: a value as JSON has it, floats with NaN and infinity.
        now: What the function `now()` says.

    Raises:
        ConditionError: it does not parse, does not fit the result, or does not come to a bool.
    """
    value = calculate(text, result, now)
    if not isinstance(value, bool):
        raise ConditionError(f"expected bool, but got {go_type(value)}", condition=text)
    return value


def calculate(text: str, result: object, now: datetime) -> Value:
    """What any expression of the language comes to.

    Args:
        text: The expression.
        result: What `result` stands for.
        now: What the function `now()` says.

    Raises:
        ConditionError: it does not parse, or does not fit the result.
    """
    try:
        return _run(parse(text), result, now)
    except ConditionError as error:
        raise ConditionError(error.message, position=error.position, condition=text) from None


def _run(tree: Node, result: object, now: datetime) -> Value:
    budget = Budget()
    try:
        value = measured(result, budget)
    except Misfit as error:
        raise ConditionError(str(error)) from None
    natures.check(tree, value)
    return Machine(value, now, budget).run(tree, {})


def moment(text: str, now: datetime) -> datetime:
    """The time that an expression such as `now() - duration("5m")` comes to.

    Raises:
        ConditionError: it does not parse, or does not come to a time.
    """
    value = calculate(text, None, now)
    if not isinstance(value, datetime):
        raise ConditionError(f"expected a time, but got {go_type(value)}", condition=text)
    return value
