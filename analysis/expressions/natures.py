"""What kinds of values a condition works on, before it does: expr-lang's checker.

Upstream compiles a condition against the value that was measured, and refuses what cannot fit, even where it
would not be reached: `result == "x"` with a number is an error and not false. What comes out of a map, or of
an array of mixed values, is of an unknown kind and fits everywhere; it is looked at when the condition runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from analysis.expressions.errors import ConditionError
from analysis.expressions.signatures import SIGNATURES, Signature
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
from analysis.expressions.values import Value, type_name


@dataclass(frozen=True, slots=True)
class Nature:
    """A kind of values: any, nil, bool, int, float, string, array, map, time or duration."""

    kind: str
    element: "Nature | None" = None
    """What an array holds; None for anything."""

    def __str__(self) -> str:
        """The kind as Go writes its type."""
        if self.kind == "array":
            return f"[]{'interface {}' if self.element is None else self.element}"
        return _GO.get(self.kind, self.kind)


_GO = {
    "any": "unknown",
    "nil": "nil",
    "float": "float64",
    "map": "map[string]interface {}",
    "groups": "map[interface {}]interface {}",
    "time": "time.Time",
    "duration": "time.Duration",
}
ANY = Nature("any")
NIL = Nature("nil")
BOOL = Nature("bool")
INT = Nature("int")
FLOAT = Nature("float")
STRING = Nature("string")
TIME = Nature("time")
DURATION = Nature("duration")
ARRAY = Nature("array")
MAP = Nature("map")
GROUPS = Nature("groups")
"""A map whose keys are of any kind."""

_NUMBERS = frozenset({"int", "float"})
_ORDERED = (_NUMBERS, frozenset({"string"}), frozenset({"time"}), frozenset({"duration"}))
_OPERANDS: Mapping[str, frozenset[str]] = {
    "<": frozenset({"int", "float", "string", "time", "duration"}),
    "+": frozenset({"int", "float", "string", "time", "duration"}),
    "-": frozenset({"int", "float", "time", "duration"}),
    "*": frozenset({"int", "float", "duration"}),
    "/": _NUMBERS,
    "**": _NUMBERS,
    "%": frozenset({"int"}),
    "..": frozenset({"int"}),
    "&&": frozenset({"bool"}),
    "matches": frozenset({"string"}),
}
"""What may stand beside a value of an unknown kind."""
_LIKE = {"<=": "<", ">": "<", ">=": "<", "||": "&&", "contains": "matches", "startsWith": "matches"}
_GIVES = {"/": FLOAT, "**": FLOAT, "%": INT, "..": Nature("array", INT)}
_TIMES: Mapping[tuple[str, str, str], Nature] = {
    ("+", "time", "duration"): TIME,
    ("+", "duration", "time"): TIME,
    ("+", "duration", "duration"): DURATION,
    ("-", "time", "time"): DURATION,
    ("-", "time", "duration"): TIME,
    ("-", "duration", "duration"): DURATION,
    ("*", "int", "duration"): DURATION,
    ("*", "float", "duration"): DURATION,
    ("*", "duration", "int"): DURATION,
    ("*", "duration", "float"): DURATION,
    ("*", "duration", "duration"): DURATION,
    ("+", "string", "string"): STRING,
}
_KINDS: Mapping[str, frozenset[str]] = {
    "number": _NUMBERS,
    "numbers": frozenset({"int", "float", "array"}),
    "numeral": frozenset({"int", "float", "string"}),
    "float": _NUMBERS,
    "sized": frozenset({"string", "array", "map", "groups"}),
    "map": frozenset({"map", "groups"}),
}
_METHODS: Mapping[str, Nature] = {
    **dict.fromkeys(("Hours", "Minutes", "Seconds"), FLOAT),
    **dict.fromkeys(("Before", "After", "Equal"), BOOL),
    **dict.fromkeys(("Add", "AddDate"), TIME),
    **dict.fromkeys(("Sub", "Abs"), DURATION),
    "String": STRING,
    "Format": STRING,
}
_BY_TYPE = {"time.Time": TIME, "time.Duration": DURATION, "nil": NIL, "map": MAP}


def of(value: Value) -> Nature:
    """The kind of a measured value: an array is of floats where all of its values are."""
    if isinstance(value, list):
        floats = bool(value) and all(isinstance(item, float) for item in value)
        return Nature("array", FLOAT) if floats else ARRAY
    name = type_name(value)
    return _BY_TYPE.get(name, Nature(name))


def check(tree: Node, result: Value) -> None:
    """Refuse a condition that cannot fit a result of this kind.

    Raises:
        ConditionError: an operation does not fit the kinds of its operands.
    """
    # Of no data nothing is refused beforehand: `result == nil || result[0] > 1` works. Upstream refuses it.
    nature = ANY if result is None else of(result)
    _Checker(nature).visit(tree, _Scope({}, ANY))


@dataclass(frozen=True, slots=True)
class _Scope:
    variables: Mapping[str, Nature]
    element: Nature
    """Of what `#` stands for."""


class _Checker:
    def __init__(self, result: Nature) -> None:
        self._result = result

    def visit(self, node: Node, scope: _Scope) -> Nature:
        """The kind of a node's value."""
        match node:
            case Literal(value=value):
                return of(value)
            case Result():
                return self._result
            case Pointer(name=name):
                return {"#": scope.element, "#index": INT}.get(name, ANY)
            case Variable(name=name):
                return scope.variables[name]
            case Unary(operator=operator, operand=operand):
                return self._unary(node, operator, self.visit(operand, scope))
            case Binary():
                return self._row(node, scope)
            case Ternary():
                return self._ternary(node, scope)
            case Call():
                return self._call(node, scope)
            case Index() | Method() | Chain() | Slice():
                return self._member(node, scope)
        return self._parts(node, scope)

    def _parts(self, node: Node, scope: _Scope) -> Nature:
        match node:
            case Let(name=name, value=value, body=body):
                variables = {**scope.variables, name: self.visit(value, scope)}
                return self.visit(body, replace(scope, variables=variables))
            case Sequence(first=first, second=second):
                self.visit(first, scope)
                return self.visit(second, scope)
            case Array(items=items):
                natures = [self.visit(item, scope) for item in items]
                alike = len({nature.kind for nature in natures}) == 1 and natures[-1] != ANY
                return Nature("array", natures[-1]) if alike else ARRAY
            case Map(entries=entries):
                for key, value in entries:
                    self.visit(key, scope)
                    self.visit(value, scope)
                return MAP
        return ANY  # $env

    def _member(self, node: Node, scope: _Scope) -> Nature:
        match node:
            case Chain(body=body):
                return self.visit(body, scope)
            case Index(target=Environment(), key=key):
                self.visit(key, scope)
                return self._result if isinstance(key, Literal) and key.value == "result" else ANY
            case Index():
                return self._index(node, self.visit(node.target, scope), self.visit(node.key, scope))
            case Method(target=target, name=name, arguments=arguments):
                base = self.visit(target, scope)
                for argument in arguments:
                    self.visit(argument, scope)
                if base.kind not in ("any", "time", "duration"):
                    raise ConditionError(f"type {base} has no method {name}", position=node.pos)
                return ANY if base == ANY else _METHODS.get(name, INT)
            case Slice():
                return self._slice(node, scope)
        return ANY

    def _unary(self, node: Node, operator: str, nature: Nature) -> Nature:
        if operator == "!" and nature.kind in ("bool", "any"):
            return BOOL
        if operator != "!" and nature.kind in ("int", "float", "any"):
            return nature
        raise ConditionError(f"invalid operation: {operator} (mismatched type {nature})", position=node.pos)

    def _row(self, node: Binary, scope: _Scope) -> Nature:
        """A row of operators that nests to the left, in a loop."""
        row = [node]
        while isinstance(row[-1].left, Binary):
            row.append(row[-1].left)
        left = self.visit(row[-1].left, scope)
        for each in reversed(row):
            left = self._binary(each, left, self.visit(each.right, scope))
        return left

    def _binary(self, node: Binary, left: Nature, right: Nature) -> Nature:
        operator = node.operator
        if operator == "?:":
            self._condition(node.left, left)
            return _either(left, right)
        if operator == "??":
            return right if left == NIL else left if right in (NIL, left) else ANY
        if operator in ("==", "!="):
            fits = _comparable(left, right)
        elif operator == "in":
            fits = self._membership(node, left, right)
        else:
            fits, nature = _fit(operator, left, right)
            if fits:
                return nature
        if fits:
            return BOOL
        shown = f"{operator} (mismatched types {_shown(left)} and {_shown(right)})"
        raise ConditionError(f"invalid operation: {shown}", position=node.pos)

    @staticmethod
    def _membership(node: Node, left: Nature, right: Nature) -> bool:
        if right.kind == "map" and left.kind not in ("any", "string"):
            raise ConditionError(f"cannot use {_shown(left)} as type string in map key", position=node.pos)
        if right.kind == "array" and not _comparable(left, right.element or ANY):
            raise ConditionError(
                f"cannot use {_shown(left)} as type {right.element} in array", position=node.pos
            )
        return right.kind in ("map", "groups", "array", "any") or (left == ANY and right == STRING)

    def _condition(self, node: Node, nature: Nature) -> None:
        if nature.kind not in ("bool", "any"):
            raise ConditionError(
                f"non-bool expression (type {_shown(nature)}) used as condition", position=node.pos
            )

    def _ternary(self, node: Ternary, scope: _Scope) -> Nature:
        self._condition(node.test, self.visit(node.test, scope))
        return _either(self.visit(node.yes, scope), self.visit(node.no, scope))

    def _index(self, node: Index, base: Nature, key: Nature) -> Nature:
        named = isinstance(node.key, Literal) and isinstance(node.key.value, str)
        if base in (ANY, GROUPS):
            return ANY
        if base == NIL and named:
            raise ConditionError(f"type nil has no field {_name(node.key)}", position=node.pos)
        if base.kind == "map":
            if key.kind not in ("string", "any"):
                raise ConditionError(
                    f"cannot use {_shown(key)} to get an element from {base}", position=node.pos
                )
            return ANY
        if base.kind == "array":
            if key.kind not in ("int", "any"):
                raise ConditionError(
                    f"array elements can only be selected using an integer (got {_shown(key)})",
                    position=node.pos,
                )
            return base.element or ANY
        if named:
            raise ConditionError(f"type {base} has no field {_name(node.key)}", position=node.pos)
        raise ConditionError(f"type {_shown(base)}[{_shown(key)}] is undefined", position=node.pos)

    def _slice(self, node: Slice, scope: _Scope) -> Nature:
        base = self.visit(node.target, scope)
        bounds = [self.visit(bound, scope) for bound in (node.start, node.end) if bound is not None]
        if base == ANY:
            return ANY
        if base.kind not in ("string", "array"):
            raise ConditionError(f"cannot slice {_shown(base)}", position=node.pos)
        for bound in bounds:
            if bound.kind not in ("int", "any"):
                raise ConditionError(f"non-integer slice index {_shown(bound)}", position=node.pos)
        return base

    def _call(self, node: Call, scope: _Scope) -> Nature:
        signature = SIGNATURES[node.function]
        natures: list[Nature] = []
        for place, argument in enumerate(node.arguments):
            if isinstance(argument, Closure):
                natures.append(self._predicate(node, natures[0], argument, scope))
                continue
            nature = self.visit(argument, scope)
            self._argument(node, argument, nature, signature.takes[min(place, len(signature.takes) - 1)])
            natures.append(nature)
        if node.function == "get":
            return self._get(node, natures[0], natures[1])
        return _given(node.function, signature, natures)

    @staticmethod
    def _get(node: Call, base: Nature, key: Nature) -> Nature:
        if base.kind == "array" and key.kind not in ("int", "any"):
            raise ConditionError(f"non-integer slice index {_shown(key)}", position=node.pos)
        if base.kind == "map" and key.kind not in ("string", "any"):
            raise ConditionError(f"cannot use {_shown(key)} to get an element from {base}", position=node.pos)
        if base.kind not in ("array", "map", "groups", "any"):
            raise ConditionError(f"type {_shown(base)} does not support indexing", position=node.pos)
        return base.element or ANY

    def _predicate(self, node: Call, items: Nature, closure: Closure, scope: _Scope) -> Nature:
        nature = self.visit(closure.body, replace(scope, element=items.element or ANY))
        if node.function in _TRUTHS and nature.kind not in ("bool", "any"):
            raise ConditionError(
                f"predicate should return boolean (got {_shown(nature)})", position=closure.pos
            )
        return nature

    @staticmethod
    def _argument(call: Call, argument: Node, nature: Nature, kind: str) -> None:
        fits = kind == "any" or nature == ANY or nature.kind in _KINDS.get(kind, {kind})
        if fits:
            return
        if SIGNATURES[call.function].predicate >= 0 and kind == "array":
            message = f"builtin {call.function} takes only array (got {_shown(nature)})"
        elif kind in ("string", "float", "int") and call.function != "bitnot":
            message = f"cannot use {_shown(nature)} as argument (type {Nature(kind)}) to call {call.function}"
        else:
            message = f"invalid argument for {call.function} (type {_shown(nature)})"
        raise ConditionError(message, position=argument.pos)


_TRUTHS = frozenset(
    {"all", "any", "none", "one", "filter", "find", "findIndex", "findLast", "findLastIndex", "count"}
)


def _name(key: Node) -> Value:
    return key.value if isinstance(key, Literal) else ""


def _shown(nature: Nature) -> str:
    return "unknown" if nature.kind in ("any", "nil") else str(nature)


def _either(one: Nature, other: Nature) -> Nature:
    if one == NIL:
        return other
    if other in (NIL, one):
        return one
    return ARRAY if one.kind == other.kind == "array" else ANY


def _comparable(left: Nature, right: Nature) -> bool:
    if {left.kind, right.kind} & {"any", "nil"}:
        return True
    return left.kind == right.kind or (left.kind in _NUMBERS and right.kind in _NUMBERS)


def _fit(operator: str, left: Nature, right: Nature) -> tuple[bool, Nature]:
    """Whether an operator takes these operands, and what it gives."""
    like = _LIKE.get(operator, "matches" if operator == "endsWith" else operator)
    allowed = _OPERANDS[like]
    if ANY in (left, right):
        fits = left == right or (right if left == ANY else left).kind in allowed
        return fits, BOOL if like in ("<", "&&", "matches") else _GIVES.get(operator, ANY)
    if like == "<":
        fits = any(left.kind in kinds and right.kind in kinds for kinds in _ORDERED)
        return fits, BOOL
    if like in ("&&", "matches"):
        return left.kind in allowed and right.kind in allowed, BOOL
    numeric = left.kind in _NUMBERS & allowed and right.kind in _NUMBERS & allowed
    if numeric:
        return True, _GIVES.get(operator, FLOAT if FLOAT in (left, right) else INT)
    given = _TIMES.get((operator, left.kind, right.kind))
    return given is not None, given or ANY


def _given(function: str, signature: Signature, natures: list[Nature]) -> Nature:
    if function == "map":
        return Nature("array", None if natures[1] == ANY else natures[1])
    if function in ("filter", "sortBy", "take"):
        return natures[0] if natures[0].kind == "array" else ARRAY
    if function in ("find", "findLast", "first", "last") or (function == "sum" and len(natures) == 1):
        return natures[0].element or ANY
    if function in ("sum", "reduce"):
        return natures[1]
    if function == "abs":
        return natures[0]
    if function in ("min", "max", "mean", "median"):
        return natures[0] if all(nature.kind in _NUMBERS for nature in natures) else ANY
    if signature.gives == "strings":
        return Nature("array", STRING)
    return Nature(signature.gives)
