"""What the demo measured, what must hold of it, and the table that says so."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a canary: the weight asked for and the share of the traffic that was measured."""

    version: str
    weight: int
    """Per cent."""
    share: float
    """Per cent."""
    requests: int

    @property
    def tolerance(self) -> float:
        """Four standard deviations of a binomial share, in points: Envoy draws each request at random."""
        if self.requests == 0:
            return 0.0
        p = self.weight / 100
        return 400 * math.sqrt(p * (1 - p) / self.requests)

    @property
    def agrees(self) -> bool:
        """Whether the measured share is the weight asked for, within the tolerance."""
        return self.requests > 0 and abs(self.share - self.weight) <= self.tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Requests that failed in the same way."""

    app: str
    version: str
    """Empty where no pod answered."""
    cause: str
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A sentence that must hold."""

    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole demo."""

    steps: tuple[Step, ...]
    sent: dict[str, int]
    """Requests by app."""
    failures: tuple[Failure, ...]
    seconds: dict[str, float]
    """How long each thing took, by what it was."""
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """For machines: plain JSON values, shares and times rounded."""
        return {
            "ok": self.ok,
            "steps": [
                asdict(s)
                | {"share": round(s.share, 2), "tolerance": round(s.tolerance, 2), "agrees": s.agrees}
                for s in self.steps
            ],
            "requests": {"sent": self.sent, "failed": [asdict(f) for f in self.failures]},
            "seconds": {what: round(value, 3) for what, value in self.seconds.items()},
            "checks": [asdict(c) for c in self.checks],
        }

    def as_text(self) -> str:
        """For people: the table."""
        lines = ["", "Canary steps        weight   measured   requests"]
        for s in self.steps:
            mark = "✔" if s.agrees else "✖"
            lines.append(
                f"  {mark} hello-flask {s.version:<7}{s.weight:>3} %  {s.share:>6.1f} %   {s.requests:>7}"
                f"   (± {s.tolerance:.1f})"
            )
        lines += ["", "Requests               sent     failed"]
        failed = Counter[str]()
        for f in self.failures:
            failed[f.app] += f.requests
        lines += [f"    {app:<17}{n:>7}   {failed[app]:>7}" for app, n in self.sent.items()]
        lines += [
            f"      {f.requests:>5} x {f.cause} from {f.app} {f.version or '(no pod answered)'}"
            for f in self.failures
        ]
        lines += ["", "Times"]
        lines += [f"    {what:<48}{value:>6.1f} s" for what, value in self.seconds.items()]
        lines += ["", "Checks"]
        lines += [f"  {'✔' if c.holds else '✖'} {c.sentence}" for c in self.checks]
        return "\n".join(lines)
