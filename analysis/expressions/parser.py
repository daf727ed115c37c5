"""Text to tree. Everything that can be known without a result is refused here, so admission can call it."""

import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from analysis.expressions import scope
from analysis.expressions.errors import ConditionError
from analysis.expressions.operators import Infix, Item, Pipe, Prefix, bounded, depth, nest
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
    Variable,
)

MAX_LENGTH = 4096
"""Characters of a condition; hand-written ones stay below 200."""

_ESCAPE = re.compile(
    r"\\(u\{[0-9a-fA-F]{1,6}\}|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL
)
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
    scope.check(tree)
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


def _offset(token: Token) -> int:
    return token.start_pos or 0


def _unquote(token: Token) -> str:
    raw = str(token)
    if raw[0] == "`":
        return raw[1:-1]

    def decode(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xXuU" and len(code) > 1:
            number = int(code[1:].strip("{}"), 16)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                raise ConditionError(
                    f'"\\{code}" is no character', position=_offset(token) + 1 + match.start()
                )
            return chr(number)
        if len(code) == 3:
            return chr(int(code, 8))
        if code in _ESCAPES:
            return _ESCAPES[code]
        if code in "\\'\"`?":
            return code
        raise ConditionError(f'unknown escape "\\{code}"', position=_offset(token) + 1 + match.start())

    return _ESCAPE.sub(decode, raw[1:-1].replace("\r\n", "\n").replace("\r", "\n"))


def _number(token: Token) -> int | float:
    text = str(token).replace("_", "")
    try:
        if text[:1] == "0" and text[1:2] in tuple("xXbBoO"):
            value: int | float = int(text, 0)
        elif any(mark in text for mark in ".eE"):
            value = float(text)
        else:
            value = int(text)
    except ValueError:
        raise ConditionError(f'"{token}" is no number', position=_offset(token)) from None
    if isinstance(value, int) and value >= 2**63:
        raise ConditionError("integer is larger than 64 bits", position=_offset(token))
    if value == float("inf"):
        raise ConditionError("float is larger than 64 bits", position=_offset(token))
    return value


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """One method for each alternative of the grammar; called bottom-up, so it needs no recursion."""

    def start(self, node: Node) -> Node:
        return node

    group = ended = start

    def then(self, first: Node, second: Node) -> Node:
        return bounded(Sequence(first.pos, depth(first, second), first, second))

    def let(self, name: Token, value: Node, body: Node) -> Node:
        return bounded(Let(_offset(name), depth(value, body), str(name), value, body))

    def conditional(self, word: Token, test: Node, yes: Node, no: Node) -> Node:
        return bounded(Ternary(_offset(word), depth(test, yes, no), test, yes, no))

    def ternary(self, test: Node, yes: Node, no: Node) -> Node:
        return bounded(Ternary(test.pos, depth(test, yes, no), test, yes, no))

    def elvis(self, test: Node, no: Node) -> Node:
        return bounded(Binary(test.pos, depth(test, no), "?:", test, no))

    @v_args(inline=False)
    def operand(self, parts: list[Any]) -> list[Item]:
        return [*map(Prefix, parts[:-1]), parts[-1]]

    def binary(self, operator: Token, operand: list[Item]) -> list[Item]:
        return [Infix(operator), *operand]

    def negated(self, word: Token, operator: Token, operand: list[Item]) -> list[Item]:
        if operator in ("or", "and"):
            raise ConditionError(f'unexpected "{operator}"', position=_offset(operator))
        return [Infix(operator, negated=True), *operand]

    def pipe(self, function: Token, arguments: tuple[Node, ...]) -> list[Item]:
        return [Pipe(lambda value: self.call(function, (value, *arguments)))]

    @v_args(inline=False)
    def operation(self, parts: list[list[Item]]) -> Node:
        return nest([item for part in parts for item in part])

    def number(self, token: Token) -> Node:
        return Literal(_offset(token), 1, _number(token))

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
        if word == "$env":
            return Environment(_offset(word), 1)
        return Variable(_offset(word), 1, str(word))

    def pointer(self, token: Token) -> Node:
        if token not in {"#", "#index", "#acc"}:
            raise ConditionError(f"unknown pointer {token}", position=_offset(token))
        return Pointer(_offset(token), 1, str(token))

    def pointer_member(self, token: Token) -> Node:
        at = _offset(token)
        return Index(at, 2, Pointer(at, 1, "#"), Literal(at, 1, str(token)), False)

    def member(self, target: Node, token: Token) -> Node:
        return self._member(target, token, optional=False)

    def optional_member(self, target: Node, token: Token) -> Node:
        return self._member(target, token, optional=True)

    def _member(self, target: Node, token: Token, *, optional: bool) -> Node:
        body, chained = _unchained(target)
        key = Literal(_offset(token), 1, str(token))
        node = Index(_offset(token), depth(body), body, key, optional)
        return _chained(node) if chained or optional else bounded(node)

    def method(self, target: Node, token: Token, arguments: tuple[Node, ...]) -> Node:
        return self._method(target, token, arguments, optional=False)

    def optional_method(self, target: Node, token: Token, arguments: tuple[Node, ...]) -> Node:
        return self._method(target, token, arguments, optional=True)

    def _method(self, target: Node, token: Token, arguments: tuple[Node, ...], *, optional: bool) -> Node:
        body, chained = _unchained(target)
        node = Method(_offset(token), depth(body, *arguments), body, str(token), arguments, optional)
        return _chained(node) if chained or optional else bounded(node)

    def index(self, target: Node, key: Node) -> Node:
        return bounded(Index(key.pos, depth(target, key), target, key, False))

    def optional_index(self, target: Node, key: Node) -> Node:
        return _chained(Index(key.pos, depth(target, key), target, key, True))

    def slice(self, target: Node, start: Node | None, end: Node | None) -> Node:
        return bounded(Slice(target.pos, depth(target, start, end), target, start, end))

    @v_args(inline=False)
    def array(self, items: list[Node]) -> Node:
        pos = items[0].pos if items else 0
        return bounded(Array(pos, depth(*items), tuple(items)))

    def entry(self, key: Token, value: Node) -> tuple[Node, Node]:
        name = _unquote(key) if key.type == "STRING" else str(key)
        return Literal(_offset(key), 1, name), value

    def computed_entry(self, key: Node, value: Node) -> tuple[Node, Node]:
        return key, value

    @v_args(inline=False)
    def map(self, entries: list[tuple[Node, Node]]) -> Node:
        nodes = [node for pair in entries for node in pair]
        return bounded(Map(nodes[0].pos if nodes else 0, depth(*nodes), tuple(entries)))

    def closure(self, body: Node) -> Node:
        return bounded(Closure(body.pos, depth(body), body))

    @v_args(inline=False)
    def arguments(self, arguments: list[Node]) -> Any:
        return tuple(arguments)

    def call(self, function: Token, arguments: tuple[Node, ...]) -> Node:
        signature = SIGNATURES.get(str(function))
        if signature is None:
            raise ConditionError(f"unknown name {function}", position=_offset(function))
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
        return bounded(Call(_offset(function), depth(*wrapped), str(function), wrapped))


def _unchained(target: Node) -> tuple[Node, bool]:
    """A row of `.` goes on where a chain ended; brackets and parentheses begin anew."""
    return (target.body, True) if isinstance(target, Chain) else (target, False)


def _chained(node: Node) -> Node:
    return bounded(Chain(node.pos, node.depth + 1, node))
