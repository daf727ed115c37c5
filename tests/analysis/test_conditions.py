"""The condition language: what it means, what it refuses, and that nothing else can come out of it."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.conditions import ConditionError, check, evaluate
from rollouts.api.errors import InvalidSpec

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NAN = math.nan

HOLDS = [
    ("result[0] >= 0.95", [0.96]),
    ("result >= 0.95 && result <= 1", 1),
    ("result == 1.0 and not isNaN(result)", 1),
    ("not (result < 0.5) or false", 0.7),
    ("!isNil(result) || true", None),
    ("isNil(result)", None),
    ("default(result, 0) == 0", None),
    ("default(result, 0) == 3", 3),
    ("result ?? 5 == 5", None),
    ("isNaN(result)", NAN),
    ("isInf(result)", math.inf),
    ("asInt(result) == 3", "3"),
    ("asFloat(result) / 2 == 1.75", "3.5"),
    ("int(3.9) == 3 && float('2') == 2.0 && string(7) == '7'", None),
    ("result.status == 'ok' && result['code'] == 200", {"status": "ok", "code": 200}),
    ("result.a?.b == nil", {"a": None}),
    ("result?.[0] == nil", None),
    ("result.missing == nil", {}),
    ("result[-1] == 3 && result[1:] == [2, 3] && result[:1] == [1] && result[:] == result", [1, 2, 3]),
    ("result[0:2] == 'he'", "hello"),
    ("len(result) == 2", [1, 2]),
    ("all(result, {# > 0.5}) && all(result, # > 0.5)", [0.6, 0.7]),
    ("any(result, .code >= 500)", [{"code": 200}, {"code": 503}]),
    ("none(result, # < 0) && one(result, # == 1)", [1, 2]),
    ("len(filter(result, # > 1)) == 2 && map(result, # * 2)[0] == 2", [1, 2, 3]),
    ("count(result, # > 1) == 2 && sum(result) == 6 && mean(result) == 2.0", [1, 2, 3]),
    ("sum(result, .n) == 3 && find(result, .n == 2).n == 2", [{"n": 1}, {"n": 2}]),
    ("findIndex(result, # > 1) == 1 && findLast(result, # > 1) == 3", [1, 2, 3]),
    ("reduce(result, #acc + #, 0) == 6 && reduce(result, #acc + # * #index) == 9", [1, 2, 3]),
    ("filter(result, #index > 0) == [2, 3]", [1, 2, 3]),
    ("all(result, any(#, # > 1))", [[0, 2], [3]]),
    ("(result | len()) == 3 and (result | filter(# > 1) | len()) == 2", [1, 2, 3]),
    ("min(result) == 1 && max(result, 9) == 9 && median(result) == 2.0 && abs(-2) == 2", [1, 2, 3]),
    ("ceil(1.2) == 2 && floor(1.8) == 1 && round(2.5) == 3 && round(-2.5) == -3", None),
    ("result in [1, 2] && result not in [3] && 2 in 1..3", 1),
    ("'a' in result && 'z' not in result", {"a": 1}),
    (
        "result matches '^v[0-9]+' && result contains '.2' && result startsWith 'v' && result endsWith '3'",
        "v1.2.3",
    ),
    ("not (result matches 'x')", "abc"),
    ("result not matches 'x' && result not contains 'q'", "abc"),
    ("1 < result < 5 && 5 > result >= 3", 3),
    ("result > 1 ? result < 5 : false", 3),
    ("result == 1 ? false : result == 2 ? true : false", 2),
    ("true ?: false", None),
    ("-2 ** 2 == -4.0 && 2 ^ 3 ** 2 == 512.0", None),
    ("7 % 4 == 3 && -7 % 4 == -3 && 7 / 2 == 3.5 && 1 + 2 * 3 == 7", None),
    ("1 / 0 == 1 / 0.0 && isInf(-1 / 0)", None),
    ("0x10 == 16 && 0b11 == 3 && 0o17 == 15 && 1_000 == 1e3 && .5 == 0.5", None),
    ("'a\\n\\x41\\u00e9' == \"a\\nAé\" && `raw\\n` == 'raw\\\\n'", None),
    ("{a: 1, 'b c': [1, 2,]} == {'b c': [1, 2], a: 1.0}", None),
    ("1..3 == [1, 2, 3] && 3..1 == []", None),
    ("now() - duration('1h') < now() && now() == date('2026-01-31T12:00:00Z')", None),
    ("now() > date('2026-01-30') && duration('90s') == duration('1m30s')", None),
    ("upper(trim(' a ')) == 'A' && split('a,b', ',')[1] == 'b' && join(['a', 'b'], '-') == 'a-b'", None),
    ("hasPrefix(result, 'ab') && hasSuffix(result, 'c') && indexOf(result, 'b') == 1", "abc"),
    ("first(result) == 1 && last(result) == 2 && first([]) == nil && get(result, 7) == nil", [1, 2]),
    ("keys(result) == ['a'] && values(result) == [1] && get(result, 'a') == 1", {"a": 1}),
    ("type(result) == 'float' && type(nil) == 'nil' && type({}) == 'map'", 1.5),
    ("fromJSON('{\"a\": [1]}').a[0] == 1", None),
    ("true /* a comment */ // and another", None),
    ("(1 == 1.0) && !(1 == true) && !(nil == 0) && !('1' == 1)", None),
    ("!(result < 1) && !(result >= 1) && result != result", NAN),
    ("result.android == 1", {"android": 1}),
    ("result.in == 1 && result.not == 2", {"in": 1, "not": 2}),
]


@pytest.mark.parametrize(("text", "result"), HOLDS, ids=[text for text, _ in HOLDS])
def test_a_condition_that_holds(text, result):
    check(text)
    assert evaluate(text, result, NOW) is True


def test_not_binds_tighter_than_a_comparison_as_upstream():
    with pytest.raises(ConditionError, match="not needs a bool, but got int"):
        evaluate("not result == 1", 2, NOW)


def test_the_second_operand_is_looked_at_only_when_it_matters():
    assert evaluate("result == nil || result[0] > 1", None, NOW)
    assert not evaluate("result != nil && result[0] > 1", None, NOW)


DO_NOT_PARSE = [
    ("", "the condition ends too early", 0),
    ("result ==", "the condition ends too early", 9),
    ("(result", "the condition ends too early", 7),
    ("result = 1", 'unexpected character "="', 7),
    ("result > 1)", 'unexpected ")"', 10),
    ("resullt > 1", 'unknown name "resullt"; what was measured is called "result"', 0),
    ("len > 1", '"len" is a function; call it: len(...)', 0),
    ("open('x')", 'unknown function "open"', 0),
    ("__import__('os')", 'unknown function "__import__"', 0),
    ("result.x()", 'unexpected "("', 8),
    ("# > 1", '"#" has a meaning only inside of a predicate', 0),
    ("map(result, #acc)[0]", '"#acc" has a meaning only inside of reduce', 12),
    ("all(result)", "all takes an array and a predicate, not 1 arguments", 0),
    ("len(result, {# > 1})", "len takes one argument, not 2 arguments", 0),
    ("min(result, {# > 1})", "min takes no predicate here", 15),
    ("result matches '('", 'pattern "(": ")" is missing', 15),
    ("result matches '(?=a)'", 'pattern "(?=a)": "(?=" is not supported', 15),
    ("result == 'a\\q'", 'unknown escape "\\q"', 12),
    ("result == 99999999999999999999", "integer is larger than 64 bits", 10),
    ("((" * 100 + "result" + "))" * 100 + " + 1" * 100, "nested more than 80 deep", None),
    ("x" * 5000, "the condition has 5000 characters; at most 4096 are allowed", None),
]


@pytest.mark.parametrize(("text", "message", "position"), DO_NOT_PARSE, ids=[t[0][:30] for t in DO_NOT_PARSE])
def test_what_is_no_condition_is_refused_with_its_place(text, message, position):
    with pytest.raises(ConditionError) as caught:
        check(text)
    assert caught.value.message == message
    if position is not None:
        assert caught.value.position == position
        assert str(caught.value) == f"{message} (character {position + 1})"
    assert isinstance(caught.value, InvalidSpec)


DO_NOT_FIT = [
    ("result", 2.5, "expected bool, but got float"),
    ("result + 1", 2, "expected bool, but got int"),
    ("result[0] > 1", [], "index out of range: 0 (length is 0)"),
    ("result[0] > 1", None, "cannot fetch 0 from nil"),
    ("result.a.b == 1", {}, "cannot fetch b from nil"),
    ("result > 1", "x", "cannot compare string > int"),
    ("result > 1", True, "cannot compare bool > int"),
    ("result + 'a' == 'a'", 1, "cannot do int + string"),
    ("result && true", 1, "&& needs a bool, but got int"),
    ("all(result, #)", [1], "a predicate must be a bool, but got int"),
    ("asInt(result) == 1", "x", 'asInt cannot read "x" as an integer'),
    ("1 % result == 1", 0, "integer divide by zero"),
    ("len(result) == 1", 5, "len needs a string, an array or a map, but got int"),
    ("duration(result) > duration('1s')", "soon", 'duration cannot read "soon"; write 30s, 5m or 1h30m'),
    ("result matches 'a'", 1, "matches needs a string, but got int"),
    ("9223372036854775807 + result > 0", 1, "+ overflows 64 bits"),
]


@pytest.mark.parametrize(("text", "result", "message"), DO_NOT_FIT, ids=[t[0] for t in DO_NOT_FIT])
def test_what_does_not_fit_the_result_is_an_error_and_no_verdict(text, result, message):
    with pytest.raises(ConditionError) as caught:
        evaluate(text, result, NOW)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "text",
    [
        "len(1..100000000) > 0",
        "all(1..400, all(1..400, # > 0))",
        "reduce(1..40, #acc + #acc, 'aaaaaaaaaaaaaaaa') == ''",
        "reduce(1..60, #acc * #acc, 3) == 1",
    ],
)
def test_a_condition_that_would_not_end_is_stopped(text):
    with pytest.raises(ConditionError):
        evaluate(text, None, NOW)


def test_deeply_nested_values_are_an_error_and_not_a_crash():
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    other = json.loads(json.dumps(deep))
    with pytest.raises(ConditionError, match="nested too deep"):
        evaluate("result[0] == result[1]", [deep, other], NOW)


_words = st.sampled_from(
    [
        "result",
        "#",
        "#index",
        "#acc",
        "and",
        "or",
        "not",
        "in",
        "matches",
        "contains",
        "startsWith",
        "endsWith",
        "true",
        "false",
        "nil",
        "len",
        "all",
        "map",
        "filter",
        "reduce",
        "sum",
        "default",
        "asInt",
        "now",
        "duration",
        "1",
        "0.5",
        "'a'",
        '"b"',
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        "?.",
        "??",
        "?",
        ":",
        ",",
        "..",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "!",
        "&&",
        "||",
        "|",
        "x",
    ]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(text=st.text(max_size=60) | st.lists(_words, max_size=25).map(" ".join), result=_values)
@example(text="{" * 40, result=None)
@example(text="-" * 3000 + "1", result=None)
@example(text="result" + "[0]" * 1000, result=[])
@example(text="'\\U00110000' == ''", result=None)
@example(text="٣ == 3", result=None)
@example(text="2 ** 99999 * -1e308 == -1 / 0 ** -1", result=None)
@example(text="asInt(1e300) == 1 || asInt(result) == 1", result=math.nan)
@example(text="duration('999999999999h') > duration('1s')", result=None)
@example(text="now() + duration('99999999h') > now()", result=None)
def test_any_text_is_a_verdict_or_a_condition_error_and_nothing_else(text, result):
    try:
        verdict = evaluate(text, result, NOW)
    except ConditionError:
        return
    assert isinstance(verdict, bool)


def test_matching_a_long_text_with_a_large_pattern_is_refused_before_it_takes_long():
    with pytest.raises(ConditionError, match="needs more than 50000 steps"):
        evaluate("result matches '([ab]*a){50}[ab]{100}'", "ab" * 2000, NOW)
