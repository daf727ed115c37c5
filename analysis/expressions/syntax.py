"""The tree of a condition. It says what was written and where; what it means is in evaluate.py."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition."""

    pos: int
    """Offset of its first character, for error messages."""
    depth: int
    """1 for a leaf; bounded, so that walking the tree cannot exhaust the stack."""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a string, true, false or nil."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Result(Node):
    """The name `result`: what was measured."""


@dataclass(frozen=True, slots=True)
class Pointer(Node):
    """`#`, the element a predicate looks at; `#index`, its place; `#acc`, what `reduce` has so far."""

    name: str


@dataclass(frozen=True, slots=True)
class Environment(Node):
    """`$env`: the map of all names."""


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """A name that `let` gave a value."""

    name: str


@dataclass(frozen=True, slots=True)
class Let(Node):
    """`let name = value; body`."""

    name: str
    value: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """`first; second`: the value of the second."""

    first: Node
    second: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`not x`, `!x`, `-x`, `+x`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Two operands; `&&`, `||` and `??` look at the second only when they must."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Ternary(Node):
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`x[key]` and `x.key`; with `optional` (`?.`), the whole chain is nil where x is nil."""

    target: Node
    key: Node
    optional: bool


@dataclass(frozen=True, slots=True)
class Method(Node):
    """`x.name(arguments)`, of a time or a duration."""

    target: Node
    name: str
    arguments: tuple[Node, ...]
    optional: bool


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """A row of `.` with a `?.` in it: where that finds nil, the row ends there and is nil."""

    body: Node


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`x[start:end]`, the ends optional and negative ones counted from the end."""

    target: Node
    start: Node | None
    end: Node | None


@dataclass(frozen=True, slots=True)
class Array(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Map(Node):
    """`{a: 1, ("b" + "c"): 2}`."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Closure(Node):
    """A predicate, evaluated once for each element."""

    body: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A call of a built-in function."""

    function: str
    arguments: tuple[Node, ...]
