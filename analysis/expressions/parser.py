"""Text to tree. Everything that can be known without a result is refused here, so admission can call it."""

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from analysis.expressions import patterns
from analysis.expressions.errors import ConditionError
from analysis.expressions.signatures import SIGNATURES
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

MAX_LENGTH = 4096
"""Characters of a condition; hand-written ones stay below 200."""
MAX_DEPTH = 80
"""Levels of nesting. Each costs a few Python frames, and the interpreter has 1,000."""

_SAME = {"or": "||", "and": "&&", "not": "!", "^": "**"}
_ORDERED = frozenset({"<", "<=", ">", ">="})
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """Read a condition.

    Raises:
        ConditionError: it is too long, too deep, not of the language, or names what does not exist.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"the condition has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    try:
        tree = _lark().parse(text)
    except UnexpectedInput as error:
        raise _explain(error, text) from None
    except VisitError as error:
        if isinstance(error.orig_exc, ConditionError):
            raise error.orig_exc from None
        raise
    assert isinstance(tree, Node)  # noqa: S101  the transformer builds nothing else
    _check(tree, frozenset())
    return tree


@cache
def _lark() -> Lark:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder(), maybe_placeholders=True)


def _explain(error: UnexpectedInput, text: str) -> ConditionError:
    """Say what stands where it must not, in the user's words and not the grammar's."""
    position = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else None
    if isinstance(error, UnexpectedToken):
        if error.token.type == "$END":
            return ConditionError("the condition ends too early", position=len(text))
        return ConditionError(f'unexpected "{str(error.token)[:40]}"', position=position)
    if isinstance(error, UnexpectedCharacters) and position is not None:
        return ConditionError(f'unexpected character "{text[position]}"', position=position)
    return ConditionError("the condition ends too early", position=len(text))


def _depth(*children: Node | None) -> int:
    return 1 + max((child.depth for child in children if child is not None), default=0)


def _bounded(node: Node) -> Node:
    if node.depth > MAX_DEPTH:
        raise ConditionError(f"nested more than {MAX_DEPTH} deep", position=node.pos)
    return node


def _offset(token: Token) -> int:
    return token.start_pos or 0


def _unquote(token: Token) -> str:
    raw = str(token)
    if raw[0] == "`":
        return raw[1:-1]

    def decode(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU" and len(code) > 1:
            number = int(code[1:], 16)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                raise ConditionError(
                    f'"\\{code}" is no character', position=_offset(token) + 1 + match.start()
                )
            return chr(number)
        if len(code) == 3:
            return chr(int(code, 8) & 0xFF)
        if code in _ESCAPES:
            return _ESCAPES[code]
        if code in "\\'\"`":
            return code
        raise ConditionError(f'unknown escape "\\{code}"', position=_offset(token) + 1 + match.start())

    return _ESCAPE.sub(decode, raw[1:-1])


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """One method for each alternative of the grammar; called bottom-up, so it needs no recursion."""

    def start(self, node: Node) -> Node:
        return node

    group = start

    def number(self, token: Token) -> Node:
        text = str(token).replace("_", "")
        if text[:1] == "0" and text[1:2] in tuple("xXbBoO"):
            value: int | float = int(text, 0) if len(text) > 2 else 0
        elif any(mark in text for mark in ".eE"):
            value = float(text)
        else:
            value = int(text)
        if isinstance(value, int) and value >= 2**63:
            raise ConditionError("integer is larger than 64 bits", position=_offset(token))
        return Literal(_offset(token), 1, value)

    def string(self, token: Token) -> Node:
        return Literal(_offset(token), 1, _unquote(token))

    def true(self, token: Token) -> Node:
        return Literal(_offset(token), 1, True)

    def false(self, token: Token) -> Node:
        return Literal(_offset(token), 1, False)

    def nil(self, token: Token) -> Node:
        return Literal(_offset(token), 1, None)

    def name(self, word: Token) -> Node:
        if word == "result":
            return Result(_offset(word), 1)
        if word in SIGNATURES:
            raise ConditionError(f'"{word}" is a function; call it: {word}(...)', position=_offset(word))
        raise ConditionError(
            f'unknown name "{word}"; what was measured is called "result"', position=_offset(word)
        )

    def pointer(self, token: Token) -> Node:
        if token not in {"#", "#index", "#acc"}:
            raise ConditionError(
                f'unknown pointer "{token}"; there are #, #index and #acc', position=_offset(token)
            )
        return Pointer(_offset(token), 1, str(token))

    def pointer_member(self, token: Token) -> Node:
        at = _offset(token)
        return Index(at, 2, Pointer(at, 1, "#"), Literal(at, 1, str(token)), False)

    def unary(self, operator: Token, operand: Node) -> Node:
        symbol = _SAME.get(str(operator), str(operator))
        return _bounded(Unary(_offset(operator), _depth(operand), symbol, operand))

    def binary(self, left: Node, operator: Token, right: Node) -> Node:
        symbol = _SAME.get(str(operator), str(operator))
        return _bounded(Binary(_offset(operator), _depth(left, right), symbol, left, right))

    @v_args(inline=False)
    def comparator(self, tokens: list[Token]) -> Token:
        if len(tokens) == 1:
            return tokens[0]
        return Token("WORD_OPERATOR", f"not {tokens[1]}", start_pos=tokens[0].start_pos)

    @v_args(inline=False)
    def chain(self, parts: list[Any]) -> Node:
        """`a < b < c` is `a < b && b < c`; other comparisons nest to the left."""
        node: Node = parts[0]
        previous = ""
        for operator, left, right in _triples(parts):
            symbol = str(operator)
            if symbol in _ORDERED and previous in _ORDERED:
                link = self.binary(left, operator, right)
                node = self.binary(node, Token("AND_SIGN", "&&", start_pos=operator.start_pos), link)
            else:
                node = self._compare(node, operator, right)
            previous = symbol
        return node

    def _compare(self, left: Node, operator: Token, right: Node) -> Node:
        symbol = str(operator)
        if not symbol.startswith("not "):
            return self.binary(left, operator, right)
        positive = Token("WORD_OPERATOR", symbol.removeprefix("not "), start_pos=operator.start_pos)
        inner = self.binary(left, positive, right)
        return _bounded(Unary(_offset(operator), _depth(inner), "!", inner))

    def ternary(self, test: Node, yes: Node, no: Node) -> Node:
        return _bounded(Ternary(test.pos, _depth(test, yes, no), test, yes, no))

    def elvis(self, test: Node, no: Node) -> Node:
        return _bounded(Binary(test.pos, _depth(test, no), "?:", test, no))

    def member(self, target: Node, token: Token) -> Node:
        key = Literal(_offset(token), 1, str(token))
        return _bounded(Index(_offset(token), _depth(target), target, key, False))

    def optional_member(self, target: Node, token: Token) -> Node:
        key = Literal(_offset(token), 1, str(token))
        return _bounded(Index(_offset(token), _depth(target), target, key, True))

    def index(self, target: Node, key: Node) -> Node:
        return _bounded(Index(key.pos, _depth(target, key), target, key, False))

    def optional_index(self, target: Node, key: Node) -> Node:
        return _bounded(Index(key.pos, _depth(target, key), target, key, True))

    def slice(self, target: Node, start: Node | None, end: Node | None) -> Node:
        return _bounded(Slice(target.pos, _depth(target, start, end), target, start, end))

    @v_args(inline=False)
    def array(self, items: list[Node]) -> Node:
        pos = items[0].pos if items else 0
        return _bounded(Array(pos, _depth(*items), tuple(items)))

    def entry(self, key: Token, value: Node) -> tuple[str, Node]:
        return (_unquote(key) if key.type == "STRING" else str(key), value)

    @v_args(inline=False)
    def map(self, entries: list[tuple[str, Node]]) -> Node:
        values = [value for _, value in entries]
        return _bounded(Map(values[0].pos if values else 0, _depth(*values), tuple(entries)))

    def closure(self, body: Node) -> Node:
        return _bounded(Closure(body.pos, _depth(body), body))

    @v_args(inline=False)
    def arguments(self, arguments: list[Node]) -> Any:
        return tuple(arguments)

    def call(self, function: Token, arguments: tuple[Node, ...]) -> Node:
        signature = SIGNATURES.get(str(function))
        if signature is None:
            raise ConditionError(f'unknown function "{function}"', position=_offset(function))
        if not signature.least <= len(arguments) <= signature.most:
            raise ConditionError(
                f"{function} takes {signature.usage}, not {len(arguments)} arguments",
                position=_offset(function),
            )
        wrapped = tuple(
            argument
            if isinstance(argument, Closure) or place != signature.predicate
            else Closure(argument.pos, argument.depth + 1, argument)
            for place, argument in enumerate(arguments)
        )
        return _bounded(Call(_offset(function), _depth(*wrapped), str(function), wrapped))

    def piped(self, value: Node, function: Token, arguments: tuple[Node, ...]) -> Node:
        return self.call(function, (value, *arguments))


def _triples(parts: list[Any]) -> Iterator[tuple[Token, Node, Node]]:
    for at in range(1, len(parts), 2):
        yield parts[at], parts[at - 1], parts[at + 1]


def _check(node: Node, pointers: frozenset[str]) -> None:
    """Refuse what no result can make right: `#` outside of a predicate, and patterns that do not compile."""
    match node:
        case Pointer(name=name, pos=pos) if name not in pointers:
            where = "reduce" if name == "#acc" else "a predicate"
            raise ConditionError(f'"{name}" has a meaning only inside of {where}', position=pos)
        case Call(function=function, arguments=arguments):
            signature = SIGNATURES[function]
            inner = pointers | {"#", "#index"} | ({"#acc"} if function == "reduce" else set())
            for place, argument in enumerate(arguments):
                if isinstance(argument, Closure):
                    if place != signature.predicate:
                        raise ConditionError(f"{function} takes no predicate here", position=argument.pos)
                    _check(argument.body, inner)
                else:
                    _check(argument, pointers)
        case Binary(operator="matches", left=left, right=Literal(value=str(pattern), pos=pos)):
            try:
                patterns.compile(pattern)
            except patterns.PatternError as error:
                raise ConditionError(f'pattern "{pattern}": {error}', position=pos) from None
            _check(left, pointers)
        case _:
            for child in _children(node):
                _check(child, pointers)


_CHILDREN: dict[type[Node], Callable[[Any], tuple[Node | None, ...]]] = {
    Unary: lambda node: (node.operand,),
    Binary: lambda node: (node.left, node.right),
    Ternary: lambda node: (node.test, node.yes, node.no),
    Index: lambda node: (node.target, node.key),
    Slice: lambda node: (node.target, node.start, node.end),
    Array: lambda node: node.items,
    Map: lambda node: tuple(value for _, value in node.entries),
}


def _children(node: Node) -> tuple[Node, ...]:
    children = _CHILDREN.get(type(node), lambda _: ())(node)
    return tuple(child for child in children if child is not None)
