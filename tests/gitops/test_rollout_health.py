"""An Application tells of its Rollout what Argo CD tells."""

from pathlib import Path

import pytest

from tests.gitops.bench import AUTOMATED, Bench, application, resource, rollout
from tests.gitops.repos import Repo

ABORT = "RolloutAborted: Rollout aborted update to revision 2"


@pytest.mark.parametrize(
    ("phase", "message", "health"),
    [
        ("Healthy", "", "Healthy"),
        ("Progressing", "more replicas need to be updated", "Progressing"),
        ("Paused", "CanaryPauseStep", "Suspended"),
        ("Paused", "manually paused", "Suspended"),
        ("Degraded", ABORT, "Degraded"),
    ],
)
async def test_a_phase_is_the_health_with_the_same_message(
    tmp_path: Path, phase: str, message: str, health: str
) -> None:
    repo = Repo(tmp_path / "git")
    repo.commit({"shop/rollout.yaml": rollout("1")})
    bench = Bench(tmp_path)
    await bench.start(application(repo.url, **AUTOMATED))
    before = await bench.settle()
    assert before["status"]["health"]["status"] == "Progressing"
    assert "Waiting for rollout spec update to be observed" in before["status"]["health"]["message"]
    await bench.rollout_status("web", {"phase": phase, "message": message})
    app = await bench.settle()
    of_rollout = resource(app, "Rollout")["health"]
    assert (of_rollout["status"], of_rollout.get("message", "")) == (health, message)
    assert app["status"]["health"]["status"] == health
    assert message in app["status"]["health"].get("message", "")
