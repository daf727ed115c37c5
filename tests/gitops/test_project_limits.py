"""A limit of a project that the engine does not enforce yet keeps its Applications from syncing."""

import pytest

from rollouts.api.application import ApplicationSpec
from rollouts.api.appproject import AppProject
from rollouts.api.errors import InvalidSpec
from rollouts.gitops.project import check_project

URL = "https://git.example.com/shop.git"


def project(**limits: object) -> AppProject:
    spec = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}], **limits}
    return AppProject.model_validate({"metadata": {"name": "web"}, "spec": spec})


def application() -> ApplicationSpec:
    destination = {"name": "in-cluster", "namespace": "shop"}
    return ApplicationSpec.model_validate({"project": "web", "destination": destination})


def test_a_project_of_known_limits_permits_what_they_permit() -> None:
    check_project(project(), application(), URL)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("syncWindows", [{"kind": "deny", "schedule": "* * * * *", "duration": "1h"}]),
        ("roles", [{"name": "ci"}]),
        ("orphanedResources", {"warn": True}),
    ],
)
def test_a_limit_that_is_not_enforced_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidSpec, match=rf'AppProject "web": \.spec\.{field}: not supported yet'):
        check_project(project(**{field: value}), application(), URL)
