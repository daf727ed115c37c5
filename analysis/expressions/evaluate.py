"""What a condition comes to on one result. A walk over the tree, bounded in steps; nothing is Python code."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from analysis.expressions import patterns
from analysis.expressions.errors import ConditionError
from analysis.expressions.functions import FUNCTIONS
from analysis.expressions.syntax import (
    Array,
    Binary,
    Call,
    Closure,
    Index,
    Literal,
    Map,
    Node,
    Pointer,
    Result,
    Slice,
    Ternary,
    Unary,
)
from analysis.expressions.values import (
    Misfit,
    Value,
    array,
    divide,
    equal,
    fit,
    integer,
    is_number,
    number,
    order,
    power,
    text,
    type_name,
)

MAX_STEPS = 50_000
"""Nodes visited and elements looked at; about 50 ms."""
MAX_TEXT = 65_536
"""Characters of a string that a condition makes."""

Scope = Mapping[str, Value]


class Machine:
    """One evaluation."""

    def __init__(self, result: Value, now: datetime) -> None:
        self._result = result
        self._now = now
        self._steps = 0

    def run(self, node: Node, scope: Scope) -> Value:
        """The value of a node.

        Raises:
            ConditionError: an operation does not fit its operands, or there was too much to do.
        """
        self._spend(1, node)
        try:
            return self._value(node, scope)
        except (Misfit, patterns.PatternError) as error:
            raise ConditionError(str(error), position=node.pos) from None
        except OverflowError:
            raise ConditionError("a number is out of range", position=node.pos) from None

    def _spend(self, steps: int, node: Node) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise ConditionError(f"needs more than {MAX_STEPS} steps on this result", position=node.pos)

    def _value(self, node: Node, scope: Scope) -> Value:
        match node:
            case Literal(value=value):
                return value
            case Result():
                return self._result
            case Pointer(name=name):
                return scope[name]
            case Unary(operator=operator, operand=operand):
                return self._unary(operator, self.run(operand, scope))
            case Binary():
                return self._binary(node, scope)
            case Ternary(test=test, yes=yes, no=no):
                return self.run(yes if self._truth(self.run(test, scope), "?:") else no, scope)
            case Index(target=target, key=key, optional=optional):
                container = self.run(target, scope)
                return None if optional and container is None else _item(container, self.run(key, scope))
            case Call():
                return self._call(node, scope)
        return self._collection(node, scope)

    def _collection(self, node: Node, scope: Scope) -> Value:
        match node:
            case Slice(target=target, start=start, end=end):
                return self._slice(self.run(target, scope), start, end, scope)
            case Array(items=items):
                return [self.run(item, scope) for item in items]
            case Map(entries=entries):
                return {key: self.run(value, scope) for key, value in entries}
        raise Misfit("a predicate is no value")  # a closure outside of a call, which the parser refuses

    @staticmethod
    def _truth(value: Value, what: str) -> bool:
        if not isinstance(value, bool):
            raise Misfit(f"{what} needs a bool, but got {type_name(value)}")
        return value

    def _unary(self, operator: str, value: Value) -> Value:
        if operator == "!":
            return not self._truth(value, "not")
        if isinstance(value, timedelta):
            return -value if operator == "-" else value
        exact = number(value, operator)
        return fit(-exact if operator == "-" else exact, operator)

    def _binary(self, node: Binary, scope: Scope) -> Value:
        operator = node.operator
        left = self.run(node.left, scope)
        if operator == "&&":
            return self._truth(left, "&&") and self._truth(self.run(node.right, scope), "&&")
        if operator == "||":
            return self._truth(left, "||") or self._truth(self.run(node.right, scope), "||")
        if operator == "?:":
            return left if self._truth(left, "?:") else self.run(node.right, scope)
        if operator == "??":
            return self.run(node.right, scope) if left is None else left
        right = self.run(node.right, scope)
        if operator in ("==", "!="):
            self._spend(_size(left), node)
            return equal(left, right) == (operator == "==")
        if operator in ("<", "<=", ">", ">="):
            return order(left, right, operator)
        if operator == "..":
            return self._range(left, right, node)
        if operator == "in":
            return self._contains(left, right, node)
        if operator in ("matches", "contains", "startsWith", "endsWith"):
            return self._compare_texts(operator, left, right, node)
        return self._arithmetic(operator, left, right)

    def _arithmetic(self, operator: str, left: Value, right: Value) -> Value:
        if isinstance(left, str) and isinstance(right, str) and operator == "+":
            if len(left) + len(right) > MAX_TEXT:
                raise Misfit(f"the string would have more than {MAX_TEXT} characters")
            return left + right
        if isinstance(left, datetime | timedelta) or isinstance(right, datetime | timedelta):
            return _times(operator, left, right)
        if not (is_number(left) and is_number(right)):
            raise Misfit(f"cannot do {type_name(left)} {operator} {type_name(right)}")
        one, other = number(left, operator), number(right, operator)
        match operator:
            case "+":
                return fit(one + other, operator)
            case "-":
                return fit(one - other, operator)
            case "*":
                return fit(one * other, operator)
            case "/":
                return divide(float(one), float(other))
            case "**":
                return power(float(one), float(other))
        return _remainder(integer(left, "%"), integer(right, "%"))

    def _range(self, left: Value, right: Value, node: Node) -> Value:
        start, end = integer(left, ".."), integer(right, "..")
        self._spend(max(0, end - start + 1), node)
        return list(range(start, end + 1))

    def _contains(self, left: Value, right: Value, node: Node) -> bool:
        if right is None:
            return False
        if isinstance(right, dict):
            return isinstance(left, str) and left in right
        items = array(right, "in")
        self._spend(len(items), node)
        return any(equal(left, item) for item in items)

    def _compare_texts(self, operator: str, left: Value, right: Value, node: Node) -> bool:
        one, other = text(left, operator), text(right, operator)
        if operator == "contains":
            return other in one
        if operator == "startsWith":
            return one.startswith(other)
        if operator == "endsWith":
            return one.endswith(other)
        pattern = patterns.compile(other)
        self._spend(len(one) * pattern.size // 8, node)
        return pattern.search(one)

    def _slice(self, target: Value, start: Node | None, end: Node | None, scope: Scope) -> Value:
        ends = [
            None if bound is None else integer(self.run(bound, scope), "a slice") for bound in (start, end)
        ]
        if isinstance(target, str):
            return target[ends[0] : ends[1]]
        return array(target, "a slice")[ends[0] : ends[1]]

    def _call(self, node: Call, scope: Scope) -> Value:
        if node.function == "now":
            return self._now
        over = _OVER.get(node.function)
        if over is None:
            values = [self.run(argument, scope) for argument in node.arguments]
            self._spend(sum(map(_size, values)), node)
            return FUNCTIONS[node.function](values)
        items = array(self.run(node.arguments[0], scope), node.function)
        self._spend(len(items), node)
        closure = node.arguments[1] if len(node.arguments) > 1 else None
        body = closure.body if isinstance(closure, Closure) else None
        if node.function == "reduce" and body is not None:
            return self._reduce(items, body, node, scope)
        if body is None:
            return over(items, iter(items))
        return over(items, self._each(items, body, scope))

    def _each(self, items: list[Value], body: Node, scope: Scope) -> Iterator[Value]:
        for index, item in enumerate(items):
            yield self.run(body, {**scope, "#": item, "#index": index})

    def _reduce(self, items: list[Value], body: Node, node: Call, scope: Scope) -> Value:
        rest = list(enumerate(items))
        if len(node.arguments) > 2:
            total = self.run(node.arguments[2], scope)
        elif items:
            total = rest.pop(0)[1]
        else:
            raise Misfit("reduce of nothing needs a first value")
        for index, item in rest:
            total = self.run(body, {**scope, "#": item, "#index": index, "#acc": total})
        return total


def _size(value: Value) -> int:
    """What a function is charged for looking at the value."""
    if isinstance(value, list | dict):
        return len(value)
    return len(value) // 64 if isinstance(value, str) else 0


def _item(container: Value, key: Value) -> Value:
    if isinstance(container, dict):
        return container.get(key) if isinstance(key, str) else None
    if isinstance(container, list | str):
        at = integer(key, "an index")
        if not -len(container) <= at < len(container):
            raise Misfit(f"index out of range: {at} (length is {len(container)})")
        value: Value = container[at]
        return value
    raise Misfit(f"cannot fetch {key} from {type_name(container)}")


def _times(operator: str, left: Value, right: Value) -> Value:
    match (operator, left, right):
        case ("+", timedelta(), timedelta()):
            return left + right
        case ("+", datetime(), timedelta()):
            return left + right
        case ("+", timedelta(), datetime()):
            return right + left
        case ("-", datetime(), datetime()):
            return left - right
        case ("-", datetime(), timedelta()):
            return left - right
        case ("-", timedelta(), timedelta()):
            return left - right
    raise Misfit(f"cannot do {type_name(left)} {operator} {type_name(right)}")


def _remainder(left: int, right: int) -> int:
    """As Go: the sign is that of the left."""
    if right == 0:
        raise Misfit("integer divide by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _truths(values: Iterator[Value]) -> Iterator[bool]:
    for value in values:
        if not isinstance(value, bool):
            raise Misfit(f"a predicate must be a bool, but got {type_name(value)}")
        yield value


def _sum(values: Iterator[Value]) -> Value:
    total: int | float = 0
    for value in values:
        total = fit(total + number(value, "sum"), "sum")
    return total


def _find(items: list[Value], mapped: Iterator[Value], last: bool) -> int:
    found = -1
    for index, truth in zip(range(len(items)), _truths(mapped), strict=True):
        if truth:
            found = index
            if not last:
                break
    return found


def _found(items: list[Value], index: int) -> Value:
    return items[index] if index >= 0 else None


_OVER: Mapping[str, Callable[[list[Value], Iterator[Value]], Value]] = {
    "all": lambda _, mapped: all(_truths(mapped)),
    "any": lambda _, mapped: any(_truths(mapped)),
    "none": lambda _, mapped: not any(_truths(mapped)),
    "one": lambda _, mapped: sum(_truths(mapped)) == 1,
    "count": lambda _, mapped: sum(_truths(mapped)),
    "filter": lambda items, mapped: [item for item, keep in zip(items, _truths(mapped), strict=True) if keep],
    "map": lambda _, mapped: list(mapped),
    "sum": lambda _, mapped: _sum(mapped),
    "find": lambda items, mapped: _found(items, _find(items, mapped, last=False)),
    "findIndex": lambda items, mapped: _find(items, mapped, last=False),
    "findLast": lambda items, mapped: _found(items, _find(items, mapped, last=True)),
    "findLastIndex": lambda items, mapped: _find(items, mapped, last=True),
    "reduce": lambda items, _: items,
}
