"""What names and pointers may be used where: known without a result, so refused before there is one."""

from collections.abc import Callable, Iterator
from typing import Any

from analysis.expressions import patterns
from analysis.expressions.errors import ConditionError
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
    Sequence,
    Slice,
    Ternary,
    Unary,
    Variable,
)

_Names = frozenset[str]
_ENVIRONMENT = frozenset({"result", "$env"})
_NAMES = frozenset({"result", "asInt", "asFloat", "isNaN", "isInf", "isNil", "default"})
"""What `$env` holds."""


def check(tree: Node) -> None:
    """Refuse what no result can make right.

    Raises:
        ConditionError: an unknown name, a pointer outside of a predicate, a predicate where none belongs, a
            name that is given twice, or a pattern that does not compile.
    """
    pending: list[tuple[Node, _Names]] = [(tree, frozenset())]
    while pending:
        node, known = pending.pop()
        # Reversed, so that the first fault in the text is told first.
        pending += reversed([*_visit(node, known)])


def _visit(node: Node, known: _Names) -> Iterator[tuple[Node, _Names]]:
    """Check one node; its children, each with the names that it knows."""
    match node:
        case Pointer(name=name, pos=pos) if name not in known:
            where = "reduce" if name == "#acc" else "a predicate"
            raise ConditionError(f'"{name}" has a meaning only inside of {where}', position=pos)
        case Variable(name=name, pos=pos) if name not in known:
            raise ConditionError(_unknown(name), position=pos)
        case Let(name=name, value=value, body=body, pos=pos):
            if name in known or name in _ENVIRONMENT or name in SIGNATURES:
                raise ConditionError(f"cannot redeclare {name}", position=pos)
            yield value, known
            yield body, known | {name}
        case Index(target=Environment(), key=Literal(value=str(name)), optional=False, pos=pos) if (
            name not in _NAMES
        ):
            raise ConditionError(f"unknown name {name}", position=pos)
        case Call():
            yield from _arguments(node, known)
        case Binary(operator="matches", left=left, right=Literal(value=str(pattern), pos=pos)):
            try:
                patterns.compile(pattern)
            except patterns.PatternError as error:
                raise ConditionError(f'pattern "{pattern}": {error}', position=pos) from None
            yield left, known
        case _:
            for child in children(node):
                yield child, known


def _unknown(name: str) -> str:
    if name in SIGNATURES:
        return f'"{name}" is a function; call it: {name}(...)'
    return f'unknown name {name}; what was measured is called "result"'


def _arguments(call: Call, known: _Names) -> Iterator[tuple[Node, _Names]]:
    signature = SIGNATURES[call.function]
    pointers = {"#", "#index"} | ({"#acc"} if call.function == "reduce" else set())
    for place, argument in enumerate(call.arguments):
        if not isinstance(argument, Closure):
            yield argument, known
        elif place == signature.predicate:
            yield argument.body, (known - {"#acc"}) | pointers
        else:
            raise ConditionError(f"{call.function} takes no predicate here", position=argument.pos)


_CHILDREN: dict[type[Node], Callable[[Any], tuple[Node | None, ...]]] = {
    Unary: lambda node: (node.operand,),
    Binary: lambda node: (node.left, node.right),
    Ternary: lambda node: (node.test, node.yes, node.no),
    Sequence: lambda node: (node.first, node.second),
    Index: lambda node: (node.target, node.key),
    Method: lambda node: (node.target, *node.arguments),
    Chain: lambda node: (node.body,),
    Slice: lambda node: (node.target, node.start, node.end),
    Array: lambda node: node.items,
    Map: lambda node: tuple(part for entry in node.entries for part in entry),
}


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node that are nodes themselves, in the order of the text."""
    found = _CHILDREN.get(type(node), lambda _: ())(node)
    return tuple(child for child in found if child is not None)
