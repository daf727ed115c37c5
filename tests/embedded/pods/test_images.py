"""The images of the embedded cluster."""

import pytest

from rollouts.api.errors import InvalidSpec
from rollouts.embedded.pods.images import Image, parse, tag_of


def config_map(text: str) -> dict[str, object]:
    return {"data": {"images.yaml": text}}


def test_without_a_config_map_nothing_is_listed() -> None:
    assert parse(None) == {}


def test_an_image_has_a_command_an_environment_or_is_missing() -> None:
    text = 'x/a:1: {command: [serve, "-p"], env: {RATE: 0.1}}\nx/b:2: {missing: true}\nx/c:3:\n'
    assert parse(config_map(text)) == {
        "x/a:1": Image(command=("serve", "-p"), env={"RATE": "0.1"}),
        "x/b:2": Image(missing=True),
        "x/c:3": Image(),
    }


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[1]", ".data[images.yaml]"),
        ("{", ".data[images.yaml]"),
        ("x: 1", ".data[images.yaml].x"),
        ("x: {commands: []}", ".data[images.yaml].x.commands"),
        ("x: {command: serve}", ".data[images.yaml].x.command"),
        ("x: {env: [a]}", ".data[images.yaml].x.env"),
    ],
)
def test_what_is_wrong_is_named(text: str, field: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse(config_map(text))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("reference", "tag"),
    [
        ("app", "latest"),
        ("app:1.2", "1.2"),
        ("localhost:5000/app", "latest"),
        ("localhost:5000/app:1", "1"),
        ("app:1@sha256:0123456789abcdef", "0123456789ab"),
    ],
)
def test_the_tag_is_found_in_every_spelling(reference: str, tag: str) -> None:
    assert tag_of(reference) == tag
