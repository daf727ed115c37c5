"""Regular expressions: they agree with Python's where both have a meaning, and never run away."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.expressions.patterns import MAX_TEXT, PatternError
from analysis.expressions.patterns import compile as compiled

SAME = [
    "abc",
    "^a",
    "c$",
    "^abc$",
    "a.c",
    "a*b+c?",
    "(ab|cd)+",
    "[a-c]+x",
    "[^a-c]",
    r"\d+\.\d+",
    r"\w+\s\w+",
    "a{2,3}",
    "a{2}",
    "a{2,}b",
    "(?:a|b){2}c",
    r"\bfoo\b",
    r"\Bo",
    "(?i)AbC",
    "(?i:A)b",
    "",
    "|a",
    "a||b",
    "[]a]",
    "[a-]",
    "x*?y",
    "(?s)a.b",
    "(?m)^b$",
    r"\x41",
    r"[\d_]+",
    "(a*)*b",
    "(?P<name>a)b",
    "{",
    r"\.\*\\",
]
TEXTS = [
    "",
    "abc",
    "aabbcc",
    "cdcd",
    "foo bar",
    "1.25",
    "AbC",
    "a\nb",
    "xxy",
    "_9",
    "aaa",
    "food",
    "{",
    ".*\\",
    "]",
    "-",
]


@pytest.mark.parametrize("pattern", SAME)
def test_a_pattern_matches_what_python_matches(pattern):
    for text in TEXTS:
        assert compiled(pattern).search(text) == bool(re.search(pattern, text, re.ASCII)), text


@settings(max_examples=300, deadline=None)
@given(pattern=st.text("ab|*+?()[]^$.{1,2}\\d", max_size=12), text=st.text("ab1\n", max_size=8))
def test_any_text_is_a_pattern_or_a_pattern_error(pattern, text):
    try:
        matched = compiled(pattern).search(text)
    except PatternError:
        return
    try:
        expected = bool(re.search(pattern, text, re.ASCII))
    except (re.error, FutureWarning):  # Python keeps `||` and `--` in a set for later
        return
    if "$" not in pattern and "{" not in pattern:  # Python's `$` also stands before a last newline.
        assert matched == expected


def test_a_pattern_that_python_would_try_for_hours_is_done_at_once():
    started = time.perf_counter()
    assert not compiled("(a+)+(a|aa)+$").search("a" * 2000 + "!")
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("*a", 'nothing before "*" to repeat'),
        ("a**", "repeats a repetition"),
        ("(a", '")" is missing'),
        ("a)", 'unexpected ")"'),
        ("[b-a]", 'range "b-a" is the wrong way round'),
        ("[a", "ends too early"),
        (r"\p{L}", r'"\p" is not supported'),
        (r"(a)\1", r'"\1" is not supported'),
        ("(?<=a)b", "lookaround"),
        ("[[:nope:]]", "unknown class"),
        ("a{2,1}", "out of range"),
        ("((a{100}){100}){100}", "states"),
        ("(((){500}){500}){500}", "repeats too much"),
        ("(" * 30 + ")" * 30, "nested more than 20 deep"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(pattern, message):
    with pytest.raises(PatternError) as caught:
        compiled(pattern)
    assert message in str(caught.value)


def test_a_long_text_is_refused():
    with pytest.raises(PatternError, match="at most 4096"):
        compiled("a").search("b" * (MAX_TEXT + 1))
