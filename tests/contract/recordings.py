"""Requests in files, and what a real server answered to them.

`cases/*.yaml` holds requests by name. In them NAMESPACE and GROUP stand for the test's namespace and the
group of its custom kind; `shows` names the part of an object that matters; with `words: own` a server may
refuse in its own words. `recorded/*.yaml` holds the answers, without what differs from run to run. With
ROLLOUTS_RECORD set, answers of the real server are recorded instead of compared: `make record`. They are
those of one release of Kubernetes (`tests/controlplane/go.mod`); another may use other words.
"""

import difflib
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.contract.back_ends import PATCHES, Cluster

HERE = Path(__file__).parent
RECORDING = bool(os.environ.get("ROLLOUTS_RECORD"))

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_VOLATILE = ("resourceVersion", "managedFields", "uid", "creationTimestamp")


def cases(file: str) -> Sequence[Any]:
    """The cases of a file, each named by its sentence."""
    found = yaml.safe_load((HERE / "cases" / f"{file}.yaml").read_text())
    return [pytest.param({"file": file, **case}, id=case["name"]) for case in found]


async def play(cluster: Cluster, case: Any) -> Any:
    """Do what a case asks for, and give back its last answer as it is recorded."""
    request = yaml.safe_load(
        orjson.dumps(case)
        .decode()
        .replace("NAMESPACE", cluster.namespace)
        .replace("GROUP", cluster.widgets.group)
    )
    for given in request.get("given", ()):
        answer = await _send(cluster, {"method": "POST", **given})
        assert answer.code < 300, answer.body
    return _blotted(await _send(cluster, request), cluster, case.get("shows", ""))


async def _send(cluster: Cluster, request: Any) -> Any:
    method, path, query = request.get("method", "POST"), request["path"], request.get("query", {})
    query = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()
    }
    if "raw" in request:
        path += "?" * bool(query) + "&".join(f"{name}={value}" for name, value in query.items())
        headers = {
            "content_type": request.get("content", "application/json"),
            "accept": request.get("accept", "*/*"),
        }
        raw = request["raw"].encode() * request.get("times", 1)
        return await cluster.send_raw(method, path, raw, **headers)
    content = PATCHES.get(request.get("type", ""), request.get("content", ""))
    return await cluster.send(
        method, path, request.get("body"), content=content, accept=request.get("accept", ""), **query
    )


def _blotted(answer: Any, cluster: Cluster, shows: str) -> Any:
    seen = {"code": answer.code, "body": answer.body}
    if "warning" in answer.headers:
        seen["warning"] = answer.headers["warning"]
    if isinstance(seen["body"], dict):
        seen["body"] = _without(seen["body"])
        if shows and answer.code < 300:
            for name in shows.split("."):
                seen["body"] = seen["body"][name]
    text = (
        orjson.dumps(seen)
        .decode()
        .replace(cluster.namespace, "NAMESPACE")
        .replace(cluster.widgets.group, "GROUP")
    )
    return orjson.loads(_TIME.sub("TIME", _UID.sub("UID", text)))


def _without(body: Any) -> Any:
    """A Status by what it says; an object without what is new in every run."""
    if body.get("kind") == "Status":
        told = {key: body[key] for key in ("status", "message", "reason", "details") if body.get(key)}
        return _in_order(told) if told.get("reason") == "Invalid" and "details" in told else told
    meta = {key: value for key, value in (body.get("metadata") or {}).items() if key not in _VOLATILE}
    items = {"items": [_without(each) for each in body["items"]]} if "items" in body else {}
    return {**body, "metadata": meta, **items}


def _in_order(told: Any) -> Any:
    """Causes come in no certain order, some of them twice, and the message repeats them."""
    causes = {orjson.dumps(cause): cause for cause in told["details"].get("causes", ())}
    told["details"]["causes"] = sorted(causes.values(), key=lambda cause: (cause["field"], cause["message"]))
    told["message"] = told["message"].partition(" is invalid")[0] + " is invalid"
    return told


def is_same(case: Any, answer: Any, wanted: Any) -> bool:
    """Whether two servers say the same."""
    if case.get("words") == "own":
        return bool(_wordless(answer) == _wordless(wanted))
    return bool(answer == wanted)


def _wordless(answer: Any) -> Any:
    """A refusal without what is said of it: code, reason and fields."""
    if isinstance(answer, dict):
        return {key: _wordless(value) for key, value in answer.items() if key not in ("message", "warning")}
    return [_wordless(each) for each in answer] if isinstance(answer, list) else answer


def difference(wanted: Any, answer: Any) -> str:
    """What the answer has more or less than it should."""
    lines = [yaml.safe_dump(each, sort_keys=True, width=1000).splitlines() for each in (wanted, answer)]
    return "\n".join(difflib.unified_diff(*lines, "recorded", "answered", lineterm="", n=1))


def recorded(case: Any) -> Any:
    """What the real server said."""
    return _load(case["file"]).get(case["name"])


def record(case: Any, answer: Any) -> None:
    """Keep what the real server says."""
    found = {**_load(case["file"]), case["name"]: answer}
    names = [each["name"] for each in yaml.safe_load((HERE / "cases" / f"{case['file']}.yaml").read_text())]
    _path(case["file"]).write_text(
        "# Answers of a real API server, recorded by recordings.py.\n"
        + yaml.dump(
            {name: found[name] for name in names if name in found},
            Dumper=yaml.CSafeDumper,
            sort_keys=False,
            width=110,
        )
    )
    _load.cache_clear()


def _path(file: str) -> Path:
    return HERE / "recorded" / f"{file}.yaml"


@cache
def _load(file: str) -> Any:
    path = _path(file)
    return yaml.load(path.read_text(), Loader=yaml.CSafeLoader) or {} if path.exists() else {}
