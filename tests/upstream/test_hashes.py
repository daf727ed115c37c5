"""Of templates and steps drawn at random, this engine makes what upstream's own packages make."""

import copy
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from rollouts.api.meta import Object
from strategies.marshal import marshal
from strategies.templates import fnv32a, pod_hash, safe_encode, same_pods
from tests.upstream import drawn, oracle
from tests.upstream.record import in_manifests

pytestmark = pytest.mark.upstream

TEMPLATES = [drawn.value(Random(seed), "PodTemplateSpec", 0.3 + seed % 5 / 10) or {} for seed in range(400)]
STEPS = [drawn.value(Random(seed), "[]CanaryStep", 0.5) for seed in range(200)]


def test_templates_have_the_same_hash() -> None:
    counts = [Random(seed).choice((None, 0, 1, 77)) for seed in range(len(TEMPLATES))]
    asked = [
        {"rollout": oracle.rollout(template, collision_count=count)}
        for template, count in zip(TEMPLATES, counts, strict=True)
    ]
    for template, count, answer in zip(TEMPLATES, counts, oracle.answers(asked), strict=True):
        assert marshal(template, "PodTemplateSpec").decode() == answer["text"]
        assert pod_hash(template, count) == answer["hash"]


def test_steps_have_the_same_hash() -> None:
    asked = [{"rollout": oracle.rollout(steps=steps or [])} for steps in STEPS]
    for steps, answer in zip(STEPS, oracle.answers(asked), strict=True):
        assert safe_encode(str(fnv32a(marshal(steps or None, "[]CanaryStep")))) == answer["steps"], steps


def test_the_manifests_of_this_repository_have_the_same_hashes() -> None:
    templates = [case["template"] for case in in_manifests() if "template" in case]
    answers = oracle.answers({"rollout": oracle.rollout(template)} for template in templates)
    legible = [pair for pair in zip(templates, answers, strict=True) if "malformed" not in pair[1]]
    assert len(legible) > 30
    for template, answer in legible:
        assert pod_hash(template) == answer["hash"]


def test_what_an_api_server_fills_in_is_no_difference_and_everything_else_is_one() -> None:
    lives = [changed(Random(seed), live) if seed % 2 else live for seed, live in enumerate(filled(TEMPLATES))]
    asked = [
        {"rollout": oracle.rollout(desired), "live": oracle.rollout(live)}
        for desired, live in zip(TEMPLATES, filled(lives), strict=True)
    ]
    verdicts = [answer["same"] for answer in oracle.answers(asked)]
    assert [same_pods(live, desired) for live, desired in zip(lives, TEMPLATES, strict=True)] == verdicts
    assert 200 < sum(verdicts) < 390


def filled(templates: Iterable[Object]) -> list[Object]:
    """As an API server stores them."""
    asked = ({"rollout": oracle.rollout(template), "defaults": True} for template in templates)
    return [answer["defaulted"] for answer in oracle.answers(asked)]


def changed(random: Random, template: Object) -> Object:
    """The template with one field less somewhere."""
    template = copy.deepcopy(template)
    places: list[tuple[Any, str]] = []

    def walk(value: Any) -> None:
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(each)
        if isinstance(value, dict):
            places.extend((value, key) for key in value)

    walk(template)
    place, key = random.choice(places)
    del place[key]
    return template
