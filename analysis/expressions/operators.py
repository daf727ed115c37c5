"""How a flat row of operands and operators nests: by precedence climbing, with expr-lang's table and quirks.

A prefix takes what binds tighter than itself wherever it stands: `-2 ** 2` is -4, and `1 * not a` may stand.
`a < b < c` is `a < b && b < c`. After `??` only another one may follow, as upstream has it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lark import Token

from analysis.expressions.errors import ConditionError
from analysis.expressions.syntax import Binary, Node, Unary

N = TypeVar("N", bound=Node)

MAX_DEPTH = 80
"""Levels of nesting. Each costs a few Python frames, and the interpreter has 1,000."""

SAME: Mapping[str, str] = {"or": "||", "and": "&&", "not": "!", "^": "**"}
"""Other spellings of operators."""
_PREFIXES: Mapping[str, int] = {"!": 50, "-": 90, "+": 90}
_PRECEDENCE: Mapping[str, int] = {
    **dict.fromkeys(("||",), 10),
    **dict.fromkeys(("&&",), 15),
    **dict.fromkeys(("==", "!=", "<", ">", ">=", "<="), 20),
    **dict.fromkeys(("in", "matches", "contains", "startsWith", "endsWith"), 20),
    "..": 25,
    **dict.fromkeys(("+", "-"), 30),
    **dict.fromkeys(("*", "/", "%"), 60),
    "**": 100,
    "??": 500,
}
_ORDERED = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Prefix:
    """`not`, `!`, `-` or `+` before an operand."""

    token: Token


@dataclass(frozen=True, slots=True)
class Infix:
    """An operator between operands; `not in` is a negated `in`."""

    token: Token
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Pipe:
    """`| function(arguments)`."""

    apply: Callable[[Node], Node]


Item = Prefix | Infix | Pipe | Node


def nest(row: Sequence[Item]) -> Node:
    """The tree of a row.

    Raises:
        ConditionError: it nests too deep, or mixes `??` with another operator.
    """
    return _Climber(row).expression(0, 0)


def depth(*children: Node | None) -> int:
    """How deep a node with these children is."""
    return 1 + max((child.depth for child in children if child is not None), default=0)


def bounded(node: N) -> N:
    """The node, if it is not nested too deep.

    Raises:
        ConditionError: it is.
    """
    if node.depth > MAX_DEPTH:
        raise ConditionError(f"nested more than {MAX_DEPTH} deep", position=node.pos)
    return node


def binary(left: Node, symbol: str, right: Node, pos: int) -> Node:
    """Two operands. A row of operators that nests to the left is walked in a loop, so it adds no depth."""
    left_depth = left.depth if isinstance(left, Binary) else left.depth + 1
    return bounded(Binary(pos, max(left_depth, right.depth + 1), symbol, left, right))


def unary(symbol: str, operand: Node, pos: int) -> Node:
    """One operand."""
    return bounded(Unary(pos, operand.depth + 1, symbol, operand))


class _Climber:
    def __init__(self, row: Sequence[Item]) -> None:
        self._row = row
        self._at = 0

    def _next(self) -> Item | None:
        return self._row[self._at] if self._at < len(self._row) else None

    def expression(self, least: int, level: int) -> Node:
        """What binds at least so tight, from here on."""
        node = self._operand(level)
        previous = ""
        while (item := self._next()) is not None:
            if isinstance(item, Pipe):
                if least > 0:
                    break
                self._at += 1
                node, previous = item.apply(node), "|"
                continue
            assert isinstance(item, Infix)  # noqa: S101  the grammar puts nothing else here
            symbol = _symbol(item.token)
            if _PRECEDENCE[symbol] < least:
                break
            if previous == "??" and symbol != "??":
                raise ConditionError(
                    f"Operator ({item.token}) and coalesce expressions (??) cannot be mixed. "
                    "Wrap either by parentheses.",
                    position=item.token.start_pos,
                )
            self._at += 1
            node = self._combined(node, item, symbol, level)
            previous = symbol
        return node

    def _combined(self, left: Node, item: Infix, symbol: str, level: int) -> Node:
        pos = item.token.start_pos or 0
        if symbol in _ORDERED:
            return self._comparison(left, item, level)
        tighter = _PRECEDENCE[symbol] + (symbol != "**")
        node = binary(left, symbol, self.expression(tighter, level + 1), pos)
        return unary("!", node, pos) if item.negated else node

    def _comparison(self, left: Node, item: Infix, level: int) -> Node:
        whole: Node | None = None
        while True:
            pos = item.token.start_pos or 0
            right = self.expression(_PRECEDENCE["<"] + 1, level + 1)
            link = binary(left, str(item.token), right, pos)
            whole = link if whole is None else binary(whole, "&&", link, pos)
            following = self._next()
            if not isinstance(following, Infix) or str(following.token) not in _ORDERED:
                return whole
            self._at += 1
            item, left = following, right

    def _operand(self, level: int) -> Node:
        item = self._next()
        self._at += 1
        if isinstance(item, Prefix):
            pos = item.token.start_pos or 0
            if level >= MAX_DEPTH:
                raise ConditionError(f"nested more than {MAX_DEPTH} deep", position=pos)
            symbol = _symbol(item.token)
            return unary(symbol, self.expression(_PREFIXES[symbol], level + 1), pos)
        assert isinstance(item, Node)  # noqa: S101  the grammar puts nothing else here
        if level > MAX_DEPTH:
            raise ConditionError(f"nested more than {MAX_DEPTH} deep", position=item.pos)
        return item


def _symbol(token: Token) -> str:
    return SAME.get(str(token), str(token))
