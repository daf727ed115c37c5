"""The condition language: what it means, what it refuses, and that nothing else can come out of it."""

import json
import math
import sys
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
    ("(result ?? 5) == 5", None),
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
    ("{a: 1, 'b c': [1, 2,]} == {'b c': [1, 2], a: 1}", None),
    ("1..3 == [1, 2, 3] && 3..1 == []", None),
    ("now() - duration('1h') < now() && now() == date('2026-01-31T12:00:00Z')", None),
    ("now() > date('2026-01-30') && duration('90s') == duration('1m30s')", None),
    ("upper(trim(' a ')) == 'A' && split('a,b', ',')[1] == 'b' && join(['a', 'b'], '-') == 'a-b'", None),
    ("hasPrefix(result, 'ab') && hasSuffix(result, 'c') && indexOf(result, 'b') == 1", "abc"),
    ("first(result) == 1 && last(result) == 2 && first([]) == nil && get(result, 7) == nil", [1, 2]),
    ("keys(result) == ['a'] && values(result) == [1] && get(result, 'a') == 1", {"a": 1}),
    ("type(result) == 'float' && type(nil) == 'nil' && type({}) == 'map'", 1.5),
    ("let x = result; x > 1 && x < 2", 1.5),
    ("if result > 1 { true } else { false }", 1.5),
    ("result.a?.b.c.d == nil && result?.a == nil", {"a": None}),
    ("duration('90m').Hours() == 1.5 && now().Year() == 2026", None),
    ("$env.result == 1.5 && 'result' in $env", 1.5),
    (" && ".join(["result > 1"] * 250), 1.5),
    ("fromJSON('{\"a\": [1]}').a[0] == 1", None),
    ("true /* a comment */ // and another", None),
    ("(1 == 1.0) && !(nil == 0)", None),
    ("result[0] != true && result[1] != 1", [1, "1"]),
    ("!(result < 1) && !(result >= 1) && result != result", NAN),
    ("result.android == 1", {"android": 1}),
    ("result.in == 1 && result.not == 2", {"in": 1, "not": 2}),
]


@pytest.mark.parametrize(("text", "result"), HOLDS, ids=[text for text, _ in HOLDS])
def test_a_condition_that_holds(text, result):
    check(text)
    assert evaluate(text, result, NOW) is True


def test_not_binds_tighter_than_a_comparison_as_upstream():
    with pytest.raises(ConditionError, match="mismatched type float64"):
        evaluate("not result == 1", 2, NOW)


def test_the_second_operand_is_looked_at_only_when_it_matters():
    assert evaluate("result == nil || result[0] > 1", None, NOW)
    assert not evaluate("result != nil && result[0] > 1", None, NOW)


DO_NOT_PARSE = [
    ("", "the condition ends too early", 0),
    ("result ==", "the condition ends too early", 9),
    ("(result", "the condition ends too early", 7),
    ("result = 1", 'unexpected "="', 7),
    ("result > 1)", 'unexpected ")"', 10),
    ("resullt > 1", 'unknown name resullt; what was measured is called "result"', 0),
    ("len > 1", '"len" is a function; call it: len(...)', 0),
    ("open('x')", "unknown name open", 0),
    ("__import__('os')", "unknown name __import__", 0),
    ("let result = 1; result", "cannot redeclare result", 4),
    ("let a = 1; let a = 2; a", "cannot redeclare a", 15),
    (
        "result ?? 5 == 5",
        "Operator (==) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses.",
        12,
    ),
    ("1 not or 2", 'unexpected "or"', 6),
    ("map(result, ##)", 'unexpected "#"', 13),
    ("map(result, #x)", "unknown pointer #x", 12),
    ("1 == 1.5.5", 'unexpected "5"', 9),
    ("1e999 > result", "float is larger than 64 bits", 0),
    ("0x > 1", 'unexpected character "0"', 0),
    ("# > 1", '"#" has a meaning only inside of a predicate', 0),
    ("map(result, #acc)[0]", '"#acc" has a meaning only inside of reduce', 12),
    ("all(result)", "all takes an array and a predicate, not 1 arguments", 0),
    ("len(result, {# > 1})", "len takes one argument, not 2 arguments", 0),
    ("min(result, {# > 1})", "min takes no predicate here", 15),
    ("result matches '('", 'pattern "(": ")" is missing', 15),
    ("result matches '(?=a)'", 'pattern "(?=a)": "(?=" is not supported', 15),
    ("result == 'a\\q'", 'unknown escape "\\q"', 12),
    ("result == 99999999999999999999", "integer is larger than 64 bits", 10),
    ("-(" * 100 + "result" + ")" * 100, "nested more than 80 deep", None),
    ("- " * 500 + "result", "nested more than 80 deep", None),
    ("result" + " ** 2" * 500, "nested more than 80 deep", None),
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
    ("result", 2.5, "expected bool, but got float64"),
    ("result + 1", 2, "expected bool, but got float64"),
    ("result[0] > 1", [], "index out of range: 0 (array length is 0)"),
    ("result[0] > 1", None, "cannot fetch 0 from <nil>"),
    ("result.a.b == 1", {}, "cannot fetch b from <nil>"),
    ("result == 'x'", 1, "invalid operation: == (mismatched types float64 and string)"),
    ("result > 1", "x", "invalid operation: > (mismatched types string and int)"),
    ("result.a > 1", {"a": "x"}, "invalid operation: string > int"),
    ("result > 1", True, "invalid operation: > (mismatched types bool and int)"),
    ("result + 'a' == 'a'", 1, "invalid operation: + (mismatched types float64 and string)"),
    ("result && true", 1, "invalid operation: && (mismatched types float64 and bool)"),
    ("all(result, #)", [1], "predicate should return boolean (got float64)"),
    ("all(result, #)", [1, "a"], "a predicate must be a bool, but got float64"),
    ("all(result, true)", 1, "builtin all takes only array (got float64)"),
    ("asInt(result) == 1", "x", 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("asFloat(result) == 1.1", "NotANum", 'strconv.ParseFloat: parsing "NotANum": invalid syntax'),
    ("1 % asInt(result) == 1", 0, "integer divide by zero"),
    ("1 % result == 1", 2, "invalid operation: % (mismatched types int and float64)"),
    ("len(result) == 1", 5, "invalid argument for len (type float64)"),
    ("duration(result) > duration('1s')", "soon", 'time: invalid duration "soon"; write 30s, 5m or 1h30m'),
    ("result matches 'a'", 1, "invalid operation: matches (mismatched types float64 and string)"),
    ("9223372036854775807 + asInt(result) > 0", 1, "+ overflows 64 bits"),
    ("result.x() == 1", {"x": 1}, "type map[string]interface {} has no method x"),
]


@pytest.mark.parametrize(("text", "result", "message"), DO_NOT_FIT, ids=[t[0] for t in DO_NOT_FIT])
def test_what_does_not_fit_the_result_is_an_error_and_no_verdict(text, result, message):
    with pytest.raises(ConditionError) as caught:
        evaluate(text, result, NOW)
    assert caught.value.message == message


MOST_CALLS = 3_000_000
"""A step is some ten calls and returns, and there are 50,000; reading 4,096 characters is about as much."""
ENDLESS = [
    "len(1..100000000) > 0",
    "all(1..400, all(1..400, # > 0))",
    "reduce(1..40, #acc + #acc, 'aaaaaaaaaaaaaaaa') == ''",
    "reduce(1..60, #acc * #acc, 3) == 1",
    "repeat('a', 100000000) == ''",
    "len(repeat(repeat(repeat('a', 1000), 1000), 1000)) > 0",
    "len(replace(repeat('a', 60000), 'a', repeat('b', 60000))) > 0",
    "len(join(map(1..20000, repeat('x', 1000)), ',')) > 0",
    "reduce(1..40, [#acc, #acc], 0) == reduce(1..40, [#acc, #acc], 0)",
    "{a: reduce(1..40, [#acc, #acc], 0)} == {a: reduce(1..40, [#acc, #acc], 0)}",
    "string(reduce(1..40, [#acc, #acc], 0)) == ''",
    "toJSON(reduce(1..40, {a: #acc, b: #acc}, 0)) == ''",
    "len(flatten(reduce(1..40, [#acc, #acc], 0))) > 0",
    "sum(flatten(reduce(1..40, [#acc, #acc], 0))) > 0",
    "mean(reduce(1..40, [#acc, #acc], 0)) > 0",
    "max(reduce(1..40, [#acc, #acc], 0)) > 0",
    "reduce(1..40, [#acc, #acc], 0) in [reduce(1..40, [#acc, #acc], 0)]",
    "string(reduce(1..5000, [#acc], 0)) == ''",
    "len(flatten(reduce(1..5000, [#acc], 0))) > 0",
    "len(reduce(1..40, concat(#acc, #acc), [1])) > 0",
    "len(uniq(1..5000)) > 0",
    "len(sort(map(1..20000, -#))) > 0",
    "len(map(1..1000, map(1..1000, 1))) > 0",
    "len(fromJSON(repeat('[', 60000))) > 0",
    "len(fromJSON(repeat('[', 500) + repeat(']', 500))) == string(1)",
    "all(1..400, len(split(repeat('a,', 30000), ',')) > 0)",
    "any(1..5000, repeat('a', 60000) contains 'b')",
    "all(1..40000, repeat('a', 4000) matches '(a*)*b')",
    "2 ** 10 ** 10 ** 10 == int(1e300)",
]


@pytest.mark.parametrize("text", ENDLESS, ids=[text[:50] for text in ENDLESS])
def test_a_condition_that_would_not_end_is_stopped_before_it_has_done_much(text):
    with pytest.raises(ConditionError):
        calls_of(lambda: evaluate(text, None, NOW))


def calls_of(work):
    """How many functions were called: work as the interpreter counts it, whatever the machine is doing."""
    counted = 0

    def count(_frame, _event, _argument):
        nonlocal counted
        counted += 1
        if counted > MOST_CALLS:
            sys.setprofile(None)
            raise AssertionError(f"more than {MOST_CALLS} calls")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


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
        "let",
        "=",
        ";",
        "if",
        "else",
        "::",
        "$env",
        "groupBy",
        "sortBy",
        "concat",
        "repeat",
        "flatten",
        "string",
        "toJSON",
        "fromJSON",
        "1..9",
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
@example(text="let x = 1; " * 300 + "true", result=None)
@example(text="if true {" * 400, result=None)
@example(text="a" * 1_000_000, result=None)
@example(text="(" * 2000 + "1" + ")" * 2000, result=None)
@example(text="[" * 2000 + "]" * 2000, result=None)
@example(text="result.a" + "?.a" * 1000, result={})
@example(text="1" + " ?? 1" * 700 + " == 1", result=None)
@example(text="result" + " | string()" * 300, result="a")
@example(text="true" + " ? true : true" * 250, result=None)
@example(text="not " * 1000 + "true", result=None)
@example(text="result matches '" + "(a*)*" * 90 + "b'", result="a" * 4000)
@example(text="result matches result", result="(x+x+)+y" * 60)
@example(text="string(result) == toJSON(result)", result=[[[[[[1e308, -0.0, 5e-324]]]]]])
@example(text="date('9999-12-31') + duration('48h') > now()", result=None)
@example(text="date('0001-01-01').AddDate(-1, 0, 0) < now()", result=None)
@example(text="date('2026-01-31').Format('2006%%%d%') == ''", result=None)
@example(text="date('x' + '\\x00', '2006-01-02') == now()", result=None)
@example(text="result == result", result=10**400)
@example(text="bitshl(9223372036854775807, 63) == bitushr(-1, 64)", result=None)
@example(text="fromBase64('////') == '' || toBase64(result) == ''", result="\ud800")
@example(text="len(result[1:2]) == 1 && result[0] == 1", result="\ud800é")
@example(text="now() + duration('99999999h') > now()", result=None)
def test_any_text_is_a_verdict_or_a_condition_error_and_nothing_else(text, result):
    verdict = None

    def judge():
        nonlocal verdict
        verdict = evaluate(text, result, NOW)

    try:
        assert calls_of(judge) <= MOST_CALLS
    except ConditionError:
        return
    assert isinstance(verdict, bool)


def test_matching_a_long_text_with_a_large_pattern_is_refused_before_it_takes_long():
    with pytest.raises(ConditionError, match="needs more than 50000 steps"):
        evaluate("result matches '([ab]*a){50}[ab]{100}'", "ab" * 2000, NOW)
