"""What a condition comes to on one result. A walk over the tree, bounded in steps; nothing is Python code."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from analysis.expressions import arrays, patterns, texts, times
from analysis.expressions.errors import ConditionError
from analysis.expressions.functions import FUNCTIONS
from analysis.expressions.signatures import SIGNATURES
from analysis.expressions.syntax import (
    Array,
    Binary,
    Call,
    Chain,
    Closure,
    Environment,
    Index,
    Let,
    Literal,
    Map,
    Method,
    Node,
    Pointer,
    Result,
    Sequence,
    Slice,
    Ternary,
    Unary,
    Variable,
)
from analysis.expressions.values import (
    MAX_TEXT,
    AnyMap,
    Budget,
    Groups,
    Misfit,
    Value,
    array,
    divide,
    equal,
    fit,
    go_type,
    integer,
    is_number,
    key,
    number,
    order,
    power,
    text,
)

Scope = Mapping[str, Value]


class _Cut:
    """The end of a chain in which `?.` found nil."""


_CUT = _Cut()


class Machine:
    """One evaluation."""

    def __init__(self, result: Value, now: datetime, budget: Budget) -> None:
        self._result = result
        self._now = now
        self._budget = budget

    def run(self, node: Node, scope: Scope) -> Value:
        """The value of a node.

        Raises:
            ConditionError: an operation does not fit its operands, or there was too much to do.
        """
        try:
            self._budget.spend(1)
            return self._value(node, scope)
        except (Misfit, patterns.PatternError) as error:
            raise ConditionError(str(error), position=node.pos) from None
        except OverflowError:
            raise ConditionError("a number is out of range", position=node.pos) from None

    def _value(self, node: Node, scope: Scope) -> Value:
        match node:
            case Literal(value=value):
                return value
            case Result():
                return self._result
            case Pointer(name=name) | Variable(name=name):
                return scope[name]
            case Unary(operator=operator, operand=operand):
                return self._unary(operator, self.run(operand, scope))
            case Binary():
                return self._row(node, scope)
            case Ternary(test=test, yes=yes, no=no):
                return self.run(yes if self._truth(self.run(test, scope), "?:") else no, scope)
            case Index() | Method() | Chain():
                return self._member(node, scope)
            case Call():
                return self._call(node, scope)
        return self._whole(node, scope)

    def _whole(self, node: Node, scope: Scope) -> Value:
        match node:
            case Slice(target=target, start=start, end=end):
                return self._slice(self.run(target, scope), start, end, scope)
            case Array(items=items):
                return [self.run(item, scope) for item in items]
            case Map(entries=entries):
                return {self._key(name, scope): self.run(value, scope) for name, value in entries}
            case Let(name=name, value=value, body=body):
                return self.run(body, {**scope, name: self.run(value, scope)})
            case Sequence(first=first, second=second):
                self.run(first, scope)
                return self.run(second, scope)
            case Environment():
                return {"result": self._result}
        raise Misfit("a predicate is no value")  # a closure outside of a call, which the parser refuses

    def _key(self, name: Node, scope: Scope) -> str:
        return text(self.run(name, scope), "a key of a map")

    @staticmethod
    def _truth(value: Value, what: str) -> bool:
        if not isinstance(value, bool):
            raise Misfit(f"{what} needs a bool, but got {go_type(value)}")
        return value

    def _unary(self, operator: str, value: Value) -> Value:
        if operator == "!":
            return not self._truth(value, "not")
        if not is_number(value):
            raise Misfit(f"invalid operation: {operator} {go_type(value)}")
        exact = number(value, operator)
        return fit(-exact if operator == "-" else exact, operator)

    def _row(self, node: Binary, scope: Scope) -> Value:
        """A row of operators that nests to the left, in a loop: however long, it needs no stack."""
        row = [node]
        while isinstance(row[-1].left, Binary):
            row.append(row[-1].left)
        value = self.run(row[-1].left, scope)
        for each in reversed(row):
            try:
                self._budget.spend(1)
                value = self._binary(each, value, scope)
            except (Misfit, patterns.PatternError) as error:
                raise ConditionError(str(error), position=each.pos) from None
        return value

    def _binary(self, node: Binary, left: Value, scope: Scope) -> Value:
        operator = node.operator
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
            _refuse_nowhere(node, left, right)
            return equal(left, right, self._budget) == (operator == "==")
        if operator in ("<", "<=", ">", ">="):
            return order(left, right, operator)
        if operator == "..":
            return self._range(left, right)
        if operator == "in":
            return self._contains(left, right)
        if operator in ("matches", "contains", "startsWith", "endsWith"):
            return self._compare_texts(operator, left, right)
        return self._arithmetic(operator, left, right)

    def _arithmetic(self, operator: str, left: Value, right: Value) -> Value:
        if isinstance(left, str) and isinstance(right, str) and operator == "+":
            if len(left) + len(right) > MAX_TEXT:
                raise Misfit(f"the string would have more than {MAX_TEXT} characters")
            self._budget.spend((len(left) + len(right)) // 64)
            return left + right
        if isinstance(left, datetime | timedelta) or isinstance(right, datetime | timedelta):
            return times.calculate(operator, left, right)
        if not (is_number(left) and is_number(right)):
            raise Misfit(f"invalid operation: {go_type(left)} {operator} {go_type(right)}")
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
        return _remainder(one, other)

    def _range(self, left: Value, right: Value) -> Value:
        start, end = integer(left, ".."), integer(right, "..")
        self._budget.spend(max(0, end - start + 1))
        return list(range(start, end + 1))

    def _contains(self, left: Value, right: Value) -> bool:
        if right is None:
            return False
        if isinstance(right, AnyMap):
            return key(left) in right
        if isinstance(right, dict):
            if not isinstance(left, str | None):
                raise Misfit(f"value of type {go_type(left)} is not assignable to type string")
            return (left or "") in right
        if not isinstance(right, list):
            raise Misfit(f'operator "in" not defined on {go_type(right)}')
        return any(equal(item, left, self._budget) for item in right)

    def _compare_texts(self, operator: str, left: Value, right: Value) -> bool:
        if left is None or right is None:
            return False
        one, other = text(left, operator), text(right, operator)
        if operator == "contains":
            self._budget.spend(len(one) // 64)
            return other in one
        if operator == "startsWith":
            return one.startswith(other)
        if operator == "endsWith":
            return one.endswith(other)
        pattern = patterns.compile(other)
        self._budget.spend(len(one) * pattern.size // 8)
        return pattern.search(one)

    def _member(self, node: Node, scope: Scope) -> Value:
        if isinstance(node, Chain):
            value = self.run(node.body, scope)
            return None if isinstance(value, _Cut) else value
        assert isinstance(node, Index | Method)  # noqa: S101  no other node comes here
        target = self.run(node.target, scope)
        if isinstance(target, _Cut) or (node.optional and target is None):
            return _CUT
        if isinstance(node, Index):
            return _item(target, self.run(node.key, scope))
        return times.call(target, node.name, [self.run(each, scope) for each in node.arguments])

    def _slice(self, target: Value, start: Node | None, end: Node | None, scope: Scope) -> Value:
        ends = [
            None if bound is None else integer(self.run(bound, scope), "a slice") for bound in (start, end)
        ]
        if isinstance(target, str):
            return texts.part(target, ends[0], ends[1])
        sliced = array(target, "a slice")[ends[0] : ends[1]]
        self._budget.spend(len(sliced))
        return sliced

    def _call(self, node: Call, scope: Scope) -> Value:
        if node.function == "now":
            return self._now
        if SIGNATURES[node.function].predicate < 0:
            values = [self.run(argument, scope) for argument in node.arguments]
            self._budget.spend(sum(map(_size, values)))
            value = FUNCTIONS[node.function](values, self._budget)
            self._budget.spend(_size(value))
            return value
        items = array(self.run(node.arguments[0], scope), node.function)
        self._budget.spend(len(items))
        closure = node.arguments[1] if len(node.arguments) > 1 else None
        body = closure.body if isinstance(closure, Closure) else None
        if node.function == "reduce" and body is not None:
            return self._reduce(items, body, node, scope)
        mapped = iter(items) if body is None else self._each(items, body, scope)
        if node.function == "sortBy":
            direction = self.run(node.arguments[2], scope) if len(node.arguments) > 2 else "asc"
            return arrays.ordered(items, list(mapped), direction, self._budget)
        return _OVER[node.function](items, mapped)

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
            raise Misfit("reduce of empty array with no initial value")
        for index, item in rest:
            total = self.run(body, {**scope, "#": item, "#index": index, "#acc": total})
        return total


def _size(value: Value) -> int:
    """What a function is charged for looking at the value."""
    if isinstance(value, list | dict):
        return len(value)
    return len(value) // 64 if isinstance(value, str) else 0


def _item(container: Value, wanted: Value) -> Value:
    if isinstance(container, dict):
        return arrays.found(container, wanted)
    if isinstance(container, str):
        return texts.item(container, integer(wanted, "an index"))
    if isinstance(container, list):
        at = integer(wanted, "an index")
        size = len(container)
        if not -size <= at < size:
            raise Misfit(f"index out of range: {at + size if at < 0 else at} (array length is {size})")
        value: Value = container[at]
        return value
    raise Misfit(f"cannot fetch {str(wanted)[:40]} from {go_type(container)}")


def _refuse_nowhere(node: Binary, left: Value, right: Value) -> None:
    """Nothing found is nil, so `findIndex(...) == -1`, which others would write, is refused and not false."""
    for side, value, other in ((node.left, left, right), (node.right, right, left)):
        searched = isinstance(side, Call) and side.function in ("findIndex", "findLastIndex")
        if searched and value is None and other is not None:
            raise Misfit("nothing was found, which is nil and no index")


def _remainder(left: float, right: float) -> int:
    """As Go: of integers alone, and the sign is that of the left."""
    if not (isinstance(left, int) and isinstance(right, int)):
        raise Misfit(f"invalid operation: {go_type(left)} % {go_type(right)}")
    if right == 0:
        raise Misfit("integer divide by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _truths(values: Iterator[Value]) -> Iterator[bool]:
    for value in values:
        if not isinstance(value, bool):
            raise Misfit(f"a predicate must be a bool, but got {go_type(value)}")
        yield value


def _sum(values: Iterator[Value]) -> Value:
    total: int | float = 0
    for value in values:
        total = fit(total + number(value, "sum"), "sum")
    return total


def _find(items: list[Value], mapped: Iterator[Value], *, last: bool) -> int | None:
    found = None
    for index, truth in zip(range(len(items)), _truths(mapped), strict=True):
        if truth:
            found = index
            if not last:
                break
    return found


def _found(items: list[Value], index: int | None) -> Value:
    return None if index is None else items[index]


def _grouped(items: list[Value], mapped: Iterator[Value]) -> Value:
    groups = Groups()
    for item, name in zip(items, mapped, strict=True):
        members = groups.setdefault(key(name), [])
        assert isinstance(members, list)  # noqa: S101  set here and nowhere else
        members.append(item)
    return groups


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
    "groupBy": _grouped,
}
