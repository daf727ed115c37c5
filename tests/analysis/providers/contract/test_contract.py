"""One contract for every provider, over recorded exchanges: a value is measured, and nothing else is one."""

import base64
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from analysis.judgement import COMPLETED
from analysis.providers.http import MAX_BYTES
from analysis.values import MAX_VALUE, absent, decode
from rollouts.api.analysis import Measurement
from tests.analysis.providers.contract.bench import bench
from tests.analysis.providers.contract.cases import Case, cases
from tests.analysis.providers.contract.exchanges import ELSEWHERE, FAULTS, SHAPES, recorded, saying
from tests.analysis.providers.contract.subjects import SUBJECTS

REQUIRED = ("value", "several-values", "no-data", "not-a-number")
CASES = {(name, title): case for name in SUBJECTS for title, case in cases(name).items()}
SOUND = {
    name: [case for (of, title), case in CASES.items() if of == name and (title == "value" or case.faults)]
    for name in SUBJECTS
}
JUNK = (None, "junk", 10**400, -1, [], {}, [[]], {"a": 1}, True, float("nan"))


@pytest.fixture(autouse=True)
def log(caplog):
    caplog.set_level(logging.DEBUG)
    return caplog


def silent_about(case: Case, measurement: Measurement, log) -> None:
    """Nothing that is secret is shown: as it is, or as basic authentication spells it."""
    shown = measurement.model_dump_json() + log.text
    words = [word for word in re.findall(r"[A-Za-z0-9+/]{8,}", shown) if len(word) % 4 != 1]
    plain = [base64.b64decode(word + "==").decode("latin-1") for word in words]
    assert [text for text in case.hidden() if any(text in each for each in (shown, *plain))] == []


@pytest.mark.parametrize(("name", "title"), CASES, ids=lambda text: text)
def test_what_is_answered_is_what_is_measured(name, title, log):
    case = CASES[name, title]
    with bench(name) as at:
        measurement = at.run(at.measure(case, case.exchanges))
        (took,) = at.took
        assert took.mismatches == []
        wanted = case.filled(case.measurement, at.address)
    assert measurement.value == wanted.get("value", "")
    assert measurement.phase == wanted.get("phase", "")
    assert measurement.message == wanted.get("message", "")
    assert measurement.metadata == wanted.get("metadata", {})
    assert took.left == 0, "an exchange that did not take place"
    silent_about(case, measurement, log)


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_cases_of_a_provider_are_complete(name):
    titles = {title for of, title in CASES if of == name}
    assert set(REQUIRED) - titles == set(SUBJECTS[name].without), "add the file, or say in `without` why not"


@pytest.mark.parametrize("name", SUBJECTS)
def test_no_data_is_no_value_and_not_a_number_is_none(name):
    """The engine's own rule then decides: an error, unless a condition or a policy says what it means."""
    for title in ("no-data", "not-a-number"):
        if case := CASES.get((name, title)):
            wanted = case.measurement
            assert wanted.get("phase", "") == "Error" or absent(decode(wanted.get("value", "")))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_what_is_no_answer_is_an_error_and_shows_no_secret(name, fault, log):
    for case in SOUND[name]:
        for place in range(len(case.exchanges)):
            with bench(name) as at:
                measurement = at.run(at.measure(case, case.exchanges, FAULTS[fault], place))
                asked = at.took[0].asked
            assert (measurement.phase, measurement.value) == ("Error", ""), (
                case.exchanges[place],
                measurement,
            )
            assert measurement.message
            assert at.took[0].mismatches == []
            astray = [each for each in asked if ELSEWHERE in each.url]
            assert not any(each.carries(secret) for each in astray for secret in case.hidden())
            assert astray == [] or not case.hidden()
            silent_about(case, measurement, log)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SUBJECTS)
def test_an_answer_of_another_shape_is_no_value(name, shape, log):
    for case in SOUND[name]:
        for place in range(len(case.exchanges)):
            with bench(name) as at:
                measurement = at.run(at.measure(case, case.exchanges, saying(shape), place))
            assert measurement.phase == "Error" or absent(decode(measurement.value)), measurement
            silent_about(case, measurement, log)


@pytest.mark.parametrize("name", SUBJECTS)
def test_an_answer_of_which_any_part_is_something_else_never_breaks_a_provider(name, log):
    case = CASES[name, "value"]
    with bench(name) as at:
        for place, exchange in enumerate(case.exchanges):
            if "json" not in exchange["response"]:
                continue
            for changed in mutations(exchange["response"]["json"]):
                answer = recorded({**exchange["response"], "json": changed})
                measurement = at.run(at.measure(case, case.exchanges, lambda _, answer=answer: answer, place))
                same = measurement.value == case.measurement["value"]
                assert measurement.phase in ("", "Error", "Failed", "Inconclusive") or same, changed


def mutations(node: Any) -> Iterator[Any]:
    """The same with one part replaced by junk or left out."""
    yield from JUNK
    if isinstance(node, dict):
        for name, child in node.items():
            yield {key: text for key, text in node.items() if key != name}
            yield from ({**node, name: changed} for changed in mutations(child))
    if isinstance(node, list):
        for place, child in enumerate(node):
            yield node[:place] + node[place + 1 :]
            yield from ([*node[:place], changed, *node[place + 1 :]] for changed in mutations(child))


@pytest.mark.parametrize("name", SUBJECTS)
def test_ten_thousand_series_where_one_was_meant_are_no_large_measurement(name, log):
    """It is written into the object, ten for each metric."""
    case = CASES[name, "value"]
    with bench(name) as at:
        for place, exchange in enumerate(case.exchanges):
            for grown in growths(exchange["response"].get("json")):
                answer = recorded({**exchange["response"], "json": grown})
                measurement = at.run(at.measure(case, case.exchanges, lambda _, answer=answer: answer, place))
                assert len(measurement.model_dump_json()) < MAX_VALUE + LARGEST_REST


LARGEST_REST = 16_384
"""Characters of all that is not the value."""


def growths(node: Any) -> Iterator[Any]:
    """The same with the items of one list over and over, as many as go into an answer that is taken."""
    if isinstance(node, dict):
        for name, child in node.items():
            yield from ({**node, name: grown} for grown in growths(child))
    if isinstance(node, list) and node:
        size = len(json.dumps(node)) + 2
        yield node * min(10_000, MAX_BYTES // 2 // size)
        for place, child in enumerate(node):
            yield from ([*node[:place], grown, *node[place + 1 :]] for grown in growths(child))


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_measurement_can_be_ended(name):
    case = CASES[name, "value"]
    with bench(name) as at:
        ended = at.run(at.terminate(case))
    assert ended.phase in COMPLETED
    assert ended.finished_at is not None


HOLDING = [name for name in SUBJECTS if CASES[name, "value"].secrets]
"""Providers that read Secrets by themselves."""


@pytest.mark.parametrize("name", HOLDING)
def test_a_secret_that_is_missing_is_an_error_that_names_it_and_nothing_is_asked(name):
    case = CASES[name, "value"]
    for secret in case.secrets:
        rest = {other: data for other, data in case.secrets.items() if other != secret}
        with bench(name) as at:
            measurement = at.run(at.measure(replace(case, secrets=rest), []))
        assert measurement.phase == "Error"
        assert f'Secret "{secret.rpartition("/")[2]}"' in measurement.message
        assert at.took[0].asked == []


@pytest.mark.parametrize("name", HOLDING)
def test_a_key_that_is_missing_in_a_secret_is_named_unless_it_need_not_be_there(name, log):
    case = CASES[name, "value"]
    for secret, data in case.secrets.items():
        for key in data:
            rest = {other: text for other, text in data.items() if other != key}
            lacking = replace(case, secrets={**case.secrets, secret: rest})
            with bench(name) as at:
                measurement = at.run(at.measure(lacking, [], saying("{}")))
            if key not in case.public or not at.took[0].asked:
                assert measurement.phase == "Error"
                assert key in measurement.message
                assert at.took[0].asked == []
            silent_about(case, measurement, log)


@pytest.mark.parametrize("name", SUBJECTS)
def test_credentials_that_change_between_two_measurements_are_used_from_then_on(name, log):
    for case in SOUND[name]:
        with bench(name) as at:
            first, second = at.run(at.series([case, case.rotated()], case.exchanges))
            before, after = at.took
        assert (first.value, second.value) == (case.measurement["value"],) * 2
        assert (before.mismatches, after.mismatches) == ([], [])
        if case.args or case.secrets:
            assert before.asked != after.asked
        assert not any(
            each.carries(secret) and not each.carries(f"rotated-{secret}")
            for each in after.asked
            for secret in (*case.args.values(), *case.hidden_in_secrets())
        )
        silent_about(case, first, log)
        silent_about(case.rotated(), second, log)
