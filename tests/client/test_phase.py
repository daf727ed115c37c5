"""A phase that is older than the spec is not shown."""

from typing import Any

import pytest

from rollouts.client.phase import phase
from tests.client.samples import rollout


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({"phase": "Healthy"}, ("Healthy", ""), id="as written"),
        pytest.param(
            {"phase": "Healthy", "observedGeneration": "0"},
            ("Progressing", "waiting for rollout spec update to be observed"),
            id="written for an older spec",
        ),
        pytest.param(
            {"phase": "", "observedGeneration": ""},
            ("Progressing", "waiting for rollout spec update to be observed"),
            id="never written",
        ),
        pytest.param(
            {"phase": "Healthy", "observedGeneration": "6c4f89f"},
            ("Healthy", ""),
            id="a hash, as old controllers wrote it",
        ),
        pytest.param(
            {"phase": "Paused", "controllerPause": True, "pauseConditions": []},
            ("Progressing", "waiting for rollout to unpause"),
            id="a user has resumed it",
        ),
        pytest.param(
            {
                "phase": "Paused",
                "message": "CanaryPauseStep",
                "controllerPause": True,
                "pauseConditions": [{"reason": "CanaryPauseStep"}],
            },
            ("Paused", "CanaryPauseStep"),
            id="paused",
        ),
        pytest.param(
            {"phase": "Degraded", "message": "RolloutAborted: by a user", "abort": True},
            ("Degraded", "RolloutAborted: by a user"),
            id="aborted",
        ),
        pytest.param(
            {"phase": "Degraded", "message": "RolloutAborted: by a user", "abort": False},
            ("Progressing", "waiting for the retry to be observed"),
            id="just retried",
        ),
        pytest.param(
            {"phase": "Degraded", "message": "InvalidSpec: .spec.strategy: none"},
            ("Degraded", "InvalidSpec: .spec.strategy: none"),
            id="invalid",
        ),
    ],
)
def test_phase(status: dict[str, Any], expected: tuple[str, str]) -> None:
    assert phase(rollout(status=status)) == expected
