"""Health of every kind: one file a case, and its name says what comes out.

Where the message is Argo CD's as well, it stands in a second document of the file.
"""

from pathlib import Path

import pytest
import yaml

from rollouts.gitops.health import ORDER, Health, counts, health, worst

CASES = sorted((Path(__file__).parent / "health").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_name_of_the_case_says_its_health(case: Path) -> None:
    obj, *more = yaml.safe_load_all(case.read_text())
    found = health(obj)
    expected = case.stem.split("-")[1]
    assert (found.status.lower() if found else "none") == expected
    assert [{"message": found.message if found else ""}] * len(more) == more


@pytest.mark.parametrize(
    ("children", "missing", "total", "expected"),
    [
        ((), 0, 0, "Healthy"),
        ((None, None), 0, 2, "Healthy"),
        ((Health("Healthy"), Health("Progressing")), 0, 2, "Progressing"),
        ((Health("Suspended"), Health("Healthy")), 0, 2, "Suspended"),
        ((Health("Degraded"), Health("Progressing")), 0, 2, "Degraded"),
        ((Health("Healthy"),), 1, 2, "Healthy"),
        ((), 2, 2, "Missing"),
    ],
)
def test_the_whole_is_as_its_worst_part(
    children: tuple[Health | None, ...], missing: int, total: int, expected: str
) -> None:
    assert worst(children, missing=missing, total=total) == expected
    assert expected in ORDER


def test_an_object_may_say_that_its_health_does_not_count() -> None:
    metadata = {"name": "web", "annotations": {"argocd.argoproj.io/ignore-healthcheck": "true"}}
    assert not counts({"kind": "Pod", "metadata": metadata})
    assert counts({"kind": "Pod", "metadata": {"name": "web"}})
