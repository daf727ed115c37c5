"""What the schemas of our definitions refuse and what our validator refuses agree.

All that a schema refuses, the validator refuses too, at the same fields. What the validator refuses and
the schema lets pass stands in `recorded/left_to_the_validator.yaml`: a schema cannot say it, or the validator
says it better. To write it anew:

    ROLLOUTS_RECORD=1 .venv/bin/pytest tests/contract/test_agreement.py
"""

import re

import pytest
import yaml

from rollouts.api.errors import InvalidSpec
from rollouts.api.validation import parse
from tests.api.test_validation import CASES, KINDS, manifest
from tests.contract.recordings import HERE, RECORDING
from tests.contract.served_kinds import look

FILES = sorted(path.stem for path in CASES.glob("*.yaml"))
LEFT = HERE / "recorded" / "left_to_the_validator.yaml"


def problems(case):
    """The fields that our validator finds fault with."""
    model, validate = KINDS[case["base"]]
    try:
        return [error.field for error in validate(parse(model, manifest(case)))]
    except InvalidSpec as error:
        return [error.field]


def refused_fields(answer):
    """The fields that a server finds fault with."""
    if answer.code < 300:
        return []
    assert answer.code in (400, 422), answer.body
    causes = (answer.body.get("details") or {}).get("causes", ())
    named = [cause["field"] for cause in causes if cause["field"] != "<nil>"]
    named += re.findall(r'unknown field "([^"]+)"', answer.body["message"])
    assert named, answer.body
    return [f".{field.lstrip('.')}" for field in named]


def _agree(server, own):
    """Whether one of the fields is the same, or a part of what is wrong as a whole."""
    return any(one == other or one.startswith((f"{other}.", f"{other}[")) for one in server for other in own)


@pytest.mark.parametrize("file", FILES)
async def test_what_a_schema_refuses_the_validator_refuses_at_the_same_field(ours, file):
    left, apart = [], []
    for case in yaml.safe_load((CASES / f"{file}.yaml").read_text()):
        body = manifest(case)
        kind = KINDS[case["base"]][0].__name__
        if (body.get("apiVersion"), body.get("kind")) != ("argoproj.io/v1alpha1", kind):
            # A client finds no such kind, and asks no server.
            assert problems(case) in (["apiVersion"], [".apiVersion"], [".kind"]), case["name"]
            continue
        server, own = refused_fields(await look(ours, body)), problems(case)
        if own and not server:
            left.append(case["name"])
        elif not _agree(server, own) and (server or own):
            apart.append((case["name"], server, own))
    assert apart == []
    known = yaml.safe_load(LEFT.read_text()) or {} if LEFT.exists() else {}
    if RECORDING:
        known[file] = left
        LEFT.write_text(yaml.safe_dump(known, width=110))
    assert left == known.get(file, [])
