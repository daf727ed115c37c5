"""What upstream's published packages make of a Rollout: asked of a program of ours around them."""

import json
import subprocess
from collections.abc import Iterable

from rollouts.api.meta import Object
from tests.upstream import programs


def answers(questions: Iterable[Object]) -> list[Object]:
    """The answers to questions, in order; `peers/hash` says what one may be.

    Raises:
        NotAvailable: the program cannot be built here.
    """
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run(
        [programs.peer("hash")], input=lines, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def rollout(
    template: Object | None = None, steps: Iterable[Object] = (), collision_count: int | None = None
) -> Object:
    """A Rollout to ask about."""
    strategy = {"canary": {"steps": list(steps)}}
    status = {} if collision_count is None else {"collisionCount": collision_count}
    return {"spec": {"template": template or {}, "strategy": strategy}, "status": status}
