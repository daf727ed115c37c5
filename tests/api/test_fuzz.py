"""Whatever a user writes, the answer is a model or an InvalidSpec with a path into what was written."""

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rollouts.api.analysis import AnalysisTemplate
from rollouts.api.application import Application
from rollouts.api.duration import format_duration, parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.meta import dump
from rollouts.api.rollout import Rollout
from rollouts.api.validation import (
    parse,
    validate_analysis_template,
    validate_application,
    validate_rollout,
)

KINDS: dict[str, Any] = {
    "rollout-canary": (Rollout, validate_rollout),
    "rollout-blue-green": (Rollout, validate_rollout),
    "analysistemplate": (AnalysisTemplate, validate_analysis_template),
    "application": (Application, validate_application),
}
FULL = {name: yaml.safe_load((Path(__file__).parent / "full" / f"{name}.yaml").read_text()) for name in KINDS}
scalars = (
    st.none() | st.booleans() | st.integers(-5, 2**33) | st.floats(allow_nan=False) | st.text(max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(body: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a manifest."""
    found = [path] if path else []
    if isinstance(body, dict | list):
        for key, value in body.items() if isinstance(body, dict) else enumerate(body):
            found += places(value, (*path, key))
    return found


PLACES = {name: places(body) for name, body in FULL.items()}


@st.composite
def damaged(draw: st.DrawFn, name: str) -> Any:
    body = copy.deepcopy(FULL[name])
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from(PLACES[name]))
        at = body
        for key in parents:
            at = at[key] if _has(at, key) else None
        if _has(at, last):
            at[last] = draw(anything)
    return body


def _has(at: Any, key: Any) -> bool:
    if isinstance(at, list):
        return isinstance(key, int) and key < len(at)
    return isinstance(at, dict) and key in at


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_a_damaged_manifest_is_read_or_refused_and_nothing_else(name: str, data: st.DataObject) -> None:
    model, validate = KINDS[name]
    body = data.draw(damaged(name))
    try:
        parsed = parse(model, body)
    except InvalidSpec as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.field.startswith(".") or refused.field == ""
        return
    for problem in validate(parsed):
        assert problem.field.startswith(".")
        assert problem.message
    assert parse(model, dump(parsed)) == parsed


@given(body=anything)
def test_no_json_at_all_is_too_strange(body: Any) -> None:
    with contextlib.suppress(InvalidSpec):
        parse(Rollout, body)


@given(st.integers(0, 10**9))
def test_a_duration_is_read_as_it_is_written(milliseconds: int) -> None:
    text = f"{milliseconds}ms"
    assert parse_duration(format_duration(parse_duration(text))) == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "5m ", "1h30", "--5s", "5sm", "∞s", "1e3s", "9" * 30 + "h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)
