r"""Regular expressions in time linear in the text, for the operator `matches`.

Conditions come from users, and Python's `re` backtracks: a pattern such as `(a+)+$` would hold up every other
run. This is the subset of RE2's syntax that conditions use, run as a set of states (Thompson 1968, Pike's
virtual machine without captures): literals, `.`, classes, `\d \w \s \b`, anchors, groups, alternatives,
repetition, and the flags i, s and m. What is not of the subset is refused by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

MAX_TEXT = 4096
"""Characters that a pattern may be tried on."""
MAX_PROGRAM = 512
"""Instructions; `x{100}` makes 100."""
MAX_DEPTH = 20
"""Nested groups."""

Test = Callable[[str], bool]
Where = Literal["start", "end", "line-start", "line-end", "word", "no-word"]


class PatternError(ValueError):
    """The pattern is not of the language, or too large."""


@dataclass(slots=True)
class _Char:
    test: Test


@dataclass(slots=True)
class _Assert:
    where: Where


@dataclass(slots=True)
class _Split:
    first: int
    second: int


@dataclass(slots=True)
class _Jump:
    target: int


@dataclass(frozen=True, slots=True)
class _Match:
    pass


_Instruction = _Char | _Assert | _Split | _Jump | _Match
_Part = Callable[["_Program"], None]
"""A parsed piece: appends its instructions to a program."""


class _Program:
    """Instructions, bounded."""

    def __init__(self) -> None:
        self.code: list[_Instruction] = []
        self._spent = 0

    def spend(self) -> None:
        """Count work that may add nothing, such as repeating an empty group."""
        self._spent += 1
        if self._spent > 20 * MAX_PROGRAM:
            raise PatternError("repeats too much")

    def add(self, instruction: _Instruction) -> int:
        if len(self.code) >= MAX_PROGRAM:
            raise PatternError(f"needs more than {MAX_PROGRAM} states; make its repetitions smaller")
        self.code.append(instruction)
        return len(self.code) - 1


class Pattern:
    """A compiled pattern."""

    def __init__(self, code: tuple[_Instruction, ...]) -> None:
        self._code = code
        self.size = len(code)
        """Instructions; a search takes at most this many steps for each character."""

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in the text.

        Raises:
            PatternError: the text is longer than MAX_TEXT.
        """
        if len(text) > MAX_TEXT:
            raise PatternError(f"the text has {len(text)} characters; at most {MAX_TEXT} can be matched")
        states: set[int] = set()
        for at in range(len(text) + 1):
            if self._follow(states | {0}, text, at):
                return True
            if at == len(text):
                break
            states = {
                state + 1
                for state in self._reached
                if isinstance(step := self._code[state], _Char) and step.test(text[at])
            }
        return False

    _reached: set[int]

    def _follow(self, states: set[int], text: str, at: int) -> bool:
        """Take all moves that consume nothing; True once the pattern has matched."""
        seen: set[int] = set()
        pending = list(states)
        while pending:
            state = pending.pop()
            if state in seen:
                continue
            seen.add(state)
            match self._code[state]:
                case _Match():
                    return True
                case _Jump(target):
                    pending.append(target)
                case _Split(first, second):
                    pending += (first, second)
                case _Assert(where) if _holds(where, text, at):
                    pending.append(state + 1)
        self._reached = seen
        return False


def _is_word(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalnum())


def _holds(where: Where, text: str, at: int) -> bool:
    if where == "start":
        return at == 0
    if where == "end":
        return at == len(text)
    if where == "line-start":
        return at == 0 or text[at - 1] == "\n"
    if where == "line-end":
        return at == len(text) or text[at] == "\n"
    before = at > 0 and _is_word(text[at - 1])
    after = at < len(text) and _is_word(text[at])
    return (before != after) == (where == "word")


@lru_cache(maxsize=256)
def compile(pattern: str) -> Pattern:  # noqa: A001  as in re
    """Read a pattern.

    Raises:
        PatternError: it is not of the language, or too large.
    """
    reader = _Reader(pattern)
    part = reader.alternatives(0)
    if reader.at < len(pattern):
        raise PatternError('unexpected ")"')
    program = _Program()
    part(program)
    program.add(_Match())
    return Pattern(tuple(program.code))


_CLASSES: dict[str, Test] = {
    "d": lambda c: "0" <= c <= "9",
    "w": _is_word,
    "s": lambda c: c in " \t\n\r\f",
}
_NAMED: dict[str, Test] = {
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "digit": _CLASSES["d"],
    "lower": lambda c: "a" <= c <= "z",
    "upper": lambda c: "A" <= c <= "Z",
    "punct": lambda c: c.isascii() and c.isprintable() and not c.isalnum() and c != " ",
    "space": lambda c: c in " \t\n\r\f\v",
    "word": _is_word,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}
_CONTROL = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _negated(test: Test) -> Test:
    return lambda c: not test(c)


def _sequence(parts: list[_Part]) -> _Part:
    def emit(program: _Program) -> None:
        for part in parts:
            program.spend()
            part(program)

    return emit


def _either(left: _Part, right: _Part) -> _Part:
    def emit(program: _Program) -> None:
        split = _Split(0, 0)
        split.first = program.add(split) + 1
        left(program)
        jump = _Jump(0)
        split.second = program.add(jump) + 1
        right(program)
        jump.target = len(program.code)

    return emit


def _repeat(part: _Part, least: int, most: int | None) -> _Part:
    def emit(program: _Program) -> None:
        for _ in range(least):
            program.spend()
            part(program)
        if most is None:
            split = _Split(0, 0)
            split.first = program.add(split) + 1
            part(program)
            program.add(_Jump(split.first - 1))
            split.second = len(program.code)
            return
        for _ in range(most - least):
            split = _Split(0, 0)
            split.first = program.add(split) + 1
            part(program)
            split.second = len(program.code)

    return emit


class _Reader:
    """Recursive descent over the pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.flags: frozenset[str] = frozenset()

    def alternatives(self, depth: int) -> _Part:
        if depth > MAX_DEPTH:
            raise PatternError(f"groups are nested more than {MAX_DEPTH} deep")
        branches = [self._branch(depth)]
        while self._take("|"):
            branches.append(self._branch(depth))
        whole = branches.pop()
        while branches:
            whole = _either(branches.pop(), whole)
        return whole

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self, text: str) -> bool:
        if not self.pattern.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _next(self) -> str:
        if self.at >= len(self.pattern):
            raise PatternError("ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def _branch(self, depth: int) -> _Part:
        parts: list[_Part] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom(depth)))
        return _sequence(parts)

    def _repeated(self, part: _Part) -> _Part:
        times = self._times()
        if times is None:
            return part
        self._take("?")  # A lazy repetition matches the same texts.
        if self._times() is not None:
            raise PatternError("repeats a repetition; put the inner one into a group")
        return _repeat(part, *times)

    def _times(self) -> tuple[int, int | None] | None:
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return times
        end = self.pattern.find("}", self.at)
        if self._peek() != "{" or end < 0:
            return None
        least, comma, most = self.pattern[self.at + 1 : end].partition(",")
        if not (_digits(least) and (most == "" or _digits(most))):
            return None  # `{` stands for itself, as in RE2.
        self.at = end + 1
        low = int(least)
        high = low if not comma else int(most) if most else None
        if low > MAX_PROGRAM or (high is not None and not low <= high <= MAX_PROGRAM):
            raise PatternError(f'repetition "{{{least}{comma}{most}}}" is out of range')
        return low, high

    def _atom(self, depth: int) -> _Part:
        sign = self._next()
        if sign == "(":
            return self._group(depth)
        if sign == "[":
            return self._char(self._set())
        if sign == ".":
            everything = "s" in self.flags
            return self._char(lambda c: everything or c != "\n")
        if sign == "^":
            return _assertion("line-start" if "m" in self.flags else "start")
        if sign == "$":
            return _assertion("line-end" if "m" in self.flags else "end")
        if sign in "*+?":
            raise PatternError(f'nothing before "{sign}" to repeat')
        if sign == "\\":
            return self._escape()
        return self._literal(sign)

    def _group(self, depth: int) -> _Part:
        outer = self.flags
        if self._take("?"):
            if self._take("P<") or (self._peek() == "<" and self._take("<")):
                name = self.pattern[self.at :].partition(">")[0]
                if not name.isidentifier():
                    raise PatternError("lookaround and such names of groups are not supported")
                self.at += len(name) + 1
            elif self._set_flags():
                return _sequence([])
        inner = self.alternatives(depth + 1)
        if not self._take(")"):
            raise PatternError('")" is missing')
        self.flags = outer
        return inner

    def _set_flags(self) -> bool:
        """Read `i`, `i-s`, ... after `(?`; True for `(?i)`, which holds until the end of its group."""
        flags, on = set(self.flags), True
        while (sign := self._next()) not in ":)":
            if sign == "-":
                on = False
            elif sign not in "ismU":
                raise PatternError(f'"(?{sign}" is not supported')
            elif on:
                flags.add(sign)
            else:
                flags.discard(sign)
        self.flags = frozenset(flags)
        return sign == ")"

    def _escape(self) -> _Part:
        code = self._next()
        if code.lower() in _CLASSES:
            test = _CLASSES[code.lower()]
            return self._char(test if code.islower() else _negated(test))
        places: dict[str, Where] = {"A": "start", "z": "end", "b": "word", "B": "no-word"}
        if code in places:
            return _assertion(places[code])
        return self._literal(self._escaped(code))

    def _escaped(self, code: str) -> str:
        if code in _CONTROL:
            return _CONTROL[code]
        if code == "x":
            digits = self._next() + self._next()
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise PatternError(f'"\\x{digits}" is no character') from None
        if code.isalnum():
            raise PatternError(f'"\\{code}" is not supported')
        return code

    def _set(self) -> Test:
        negative = self._take("^")
        tests: list[Test] = []
        first = True
        while first or self._peek() != "]":
            first = False
            tests.append(self._set_item())
        self.at += 1
        chosen = self._folded(lambda c: any(test(c) for test in tests))
        return _negated(chosen) if negative else chosen

    def _set_item(self) -> Test:
        if self._take("[:"):
            name, found, _ = self.pattern[self.at :].partition(":]")
            negative = name.startswith("^")
            if not found or name.lstrip("^") not in _NAMED:
                raise PatternError(f'unknown class "[:{name[:20]}:]"')
            self.at += len(name) + 2
            named = _NAMED[name.lstrip("^")]
            return _negated(named) if negative else named
        low = self._next()
        if low == "\\":
            code = self._next()
            if code.lower() in _CLASSES:
                test = _CLASSES[code.lower()]
                return test if code.islower() else _negated(test)
            low = self._escaped(code)
        following = self.pattern[self.at : self.at + 2]
        if len(following) < 2 or following[0] != "-" or following[1] == "]":
            return lambda c: c == low
        self.at += 1
        high = self._next()
        if high == "\\":
            high = self._escaped(self._next())
        if high < low:
            raise PatternError(f'range "{low}-{high}" is the wrong way round')
        return lambda c: low <= c <= high

    def _folded(self, test: Test) -> Test:
        if "i" not in self.flags:
            return test
        return lambda c: test(c) or test(c.lower()) or test(c.upper())

    def _char(self, test: Test) -> _Part:
        def emit(program: _Program) -> None:
            program.add(_Char(test))

        return emit

    def _literal(self, character: str) -> _Part:
        return self._char(self._folded(lambda c: c == character))


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _assertion(where: Where) -> _Part:
    def emit(program: _Program) -> None:
        program.add(_Assert(where))

    return emit
