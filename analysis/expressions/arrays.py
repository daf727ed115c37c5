"""The functions of arrays and maps."""

from collections.abc import Callable, Mapping, Sequence
from functools import cmp_to_key

from analysis.expressions import texts
from analysis.expressions.values import (
    AnyMap,
    Budget,
    Groups,
    Misfit,
    Value,
    array,
    equal,
    go_type,
    integer,
    key,
    mapping,
    order,
    text,
)

Function = Callable[[Sequence[Value], Budget], Value]


def _len(arguments: Sequence[Value], _: Budget) -> Value:
    (value,) = arguments
    if not isinstance(value, str | list | dict):
        raise Misfit(f"invalid argument for len (type {go_type(value)})")
    return len(value)


def _edge(at: int) -> Function:
    def call(arguments: Sequence[Value], _: Budget) -> Value:
        items = arguments[0]
        if isinstance(items, str) and items:
            return texts.item(items, at)
        return items[at] if isinstance(items, list) and items else None

    return call


def _get(arguments: Sequence[Value], _: Budget) -> Value:
    target, wanted = arguments
    if isinstance(target, dict):
        return found(target, wanted)
    if not isinstance(target, list | str):
        return None
    try:
        at = integer(wanted, "get")
        return texts.item(target, at) if isinstance(target, str) else target[at]
    except IndexError:
        return None


def found(target: dict[object, Value], wanted: Value) -> Value:
    """The value of a key in a map, or nil.

    Raises:
        Misfit: no key of this map is of this type.
    """
    if isinstance(target, AnyMap):
        return target.get(key(wanted), [] if isinstance(target, Groups) else None)
    if wanted is None:
        return target.get("")
    if not isinstance(wanted, str):
        raise Misfit(f"value of type {go_type(wanted)} is not assignable to type string")
    return target.get(wanted)


def _take(arguments: Sequence[Value], _: Budget) -> Value:
    wanted = arguments[1]
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise Misfit(f"cannot take {go_type(wanted)} elements")
    if wanted < 0:
        raise Misfit("take needs a number that is not negative")
    return array(arguments[0], "take")[:wanted]


def _concat(arguments: Sequence[Value], budget: Budget) -> Value:
    joined: list[Value] = []
    for argument in arguments:
        items = array(argument, "concat")
        budget.spend(len(items))
        joined += items
    return joined


def _flatten(arguments: Sequence[Value], budget: Budget) -> Value:
    return flattened(array(arguments[0], "flatten"), budget)


def flattened(items: list[Value], budget: Budget, depth: int = 0) -> list[Value]:
    """The items, and those of arrays among them.

    Raises:
        Misfit: they are nested too deep, or too many.
    """
    flat: list[Value] = []
    for each in items:
        budget.nest(depth)
        flat += flattened(each, budget, depth + 1) if isinstance(each, list) else [each]
    return flat


def _uniq(arguments: Sequence[Value], budget: Budget) -> Value:
    kept: list[Value] = []
    for each in array(arguments[0], "uniq"):
        if not any(equal(each, other, budget) for other in kept):
            kept.append(each)
    return kept


def _sort(arguments: Sequence[Value], budget: Budget) -> Value:
    items = array(arguments[0], "sort")
    return ordered(items, items, arguments[1] if len(arguments) > 1 else "asc", budget)


def ordered(items: list[Value], by: list[Value], direction: Value, budget: Budget) -> list[Value]:
    """The items in the order of what stands for each.

    Args:
        items: What is sorted.
        by: What each is sorted by.
        direction: `asc` or `desc`.
        budget: Comparisons are counted.

    Raises:
        Misfit: two of them cannot be compared, or the direction is another.
    """
    down = text(direction, "sort order") == "desc"
    if not down and direction != "asc":
        raise Misfit(f"invalid order {direction}, expected asc or desc")

    def compare(one: int, other: int) -> int:
        budget.spend(1)
        if order(by[one], by[other], "<"):
            return -1
        return int(order(by[other], by[one], "<"))

    places = sorted(range(len(items)), key=cmp_to_key(compare), reverse=down)
    return [items[place] for place in places]


def _to_pairs(arguments: Sequence[Value], _: Budget) -> Value:
    return [[_bare(name), value] for name, value in mapping(arguments[0], "toPairs").items()]


def _bare(name: object) -> Value:
    return name[1] if isinstance(name, tuple) else name


def _from_pairs(arguments: Sequence[Value], budget: Budget) -> Value:
    made = AnyMap()
    for pair in array(arguments[0], "fromPairs"):
        budget.spend(1)
        if not isinstance(pair, list) or len(pair) != 2:
            raise Misfit("invalid pair: fromPairs needs arrays of two")
        made[key(pair[0])] = pair[1]
    return made


FUNCTIONS: Mapping[str, Function] = {
    "len": _len,
    "first": _edge(0),
    "last": _edge(-1),
    "get": _get,
    "take": _take,
    "concat": _concat,
    "flatten": _flatten,
    "reverse": lambda arguments, _: array(arguments[0], "reverse")[::-1],
    "uniq": _uniq,
    "sort": _sort,
    "keys": lambda arguments, _: [_bare(name) for name in mapping(arguments[0], "keys")],
    "values": lambda arguments, _: list(mapping(arguments[0], "values").values()),
    "toPairs": _to_pairs,
    "fromPairs": _from_pairs,
}
