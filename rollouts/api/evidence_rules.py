"""What `advance: evidence` of steps and pauses must satisfy. Additive to upstream.

Not for: whether the metrics have a judge that can prove anything, which takes the templates.
"""

from collections.abc import Iterator

from rollouts.api.canary import CanaryStrategy, RolloutPause, StepAnalysis
from rollouts.api.duration import parse_duration
from rollouts.api.errors import InvalidSpec
from rollouts.api.paths import wrong

_PATH = ".spec.strategy.canary"


def evidence_problems(canary: CanaryStrategy) -> Iterator[InvalidSpec]:
    """List what is wrong with the steps that wait for a proof."""
    for index, step in enumerate(canary.steps):
        path = f"{_PATH}.steps[{index}]"
        if step.analysis is not None:
            yield from _time_problems(step.analysis, f"{path}.analysis")
        if step.pause is not None:
            yield from _time_problems(step.pause, f"{path}.pause")
            if step.pause.advance:
                yield from _pause_problems(canary, step.pause, index, f"{path}.pause")


def _time_problems(waits: RolloutPause | StepAnalysis, path: str) -> Iterator[InvalidSpec]:
    """The shortest and the longest time go with advance, and the one is not above the other."""
    seconds: dict[str, float] = {}
    for name, text in (("atLeast", waits.at_least), ("atMost", waits.at_most)):
        if not text:
            continue
        if not waits.advance:
            yield wrong(f"{path}.{name}", "goes with advance: evidence; set that too, or remove it", text)
        try:
            seconds[name] = parse_duration(text).total_seconds()
        except ValueError:
            seconds[name] = -1
        if seconds[name] <= 0:
            yield wrong(f"{path}.{name}", "must be a duration above 0 such as 30s, 5m or 1h30m", text)
    least, most = seconds.get("atLeast", 0), seconds.get("atMost", 0)
    if least > most > 0:
        yield wrong(f"{path}.atLeast", f"must not be longer than atMost, {waits.at_most}", waits.at_least)


def _pause_problems(
    canary: CanaryStrategy, pause: RolloutPause, index: int, path: str
) -> Iterator[InvalidSpec]:
    """A pause that ends with a proof needs the analysis beside the steps to give it."""
    if pause.duration is not None:
        message = "goes without advance: evidence, whose limits are atLeast and atMost; remove one of the two"
        yield wrong(f"{path}.duration", message, pause.duration)
    beside = canary.analysis
    if beside is None:
        message = f"needs an analysis beside the steps that proves the version good; set {_PATH}.analysis"
        yield wrong(f"{path}.advance", message, pause.advance)
    elif (beside.starting_step or 0) > index:
        message = f"needs {_PATH}.analysis by then; its startingStep is {beside.starting_step}, lower it"
        yield wrong(f"{path}.advance", message, pause.advance)
