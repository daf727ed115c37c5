"""`.spec.metrics[].judge`: who turns measured values into a verdict. Additive to upstream."""

from typing import Literal

from pydantic import Field

from rollouts.api.meta import Spec


class ThresholdJudge(Spec):
    """Each value by itself, by successCondition and failureCondition; what upstream does, and the default."""


class ConsecutiveJudge(Spec):
    """Each value within a range, and a number of failed checks that ends it; what Flagger does."""

    min: float | None = None
    """The least good value."""
    max: float | None = None
    """The greatest good value."""
    threshold: int = 1
    """Fail at so many failed checks; no data and errors count as failed ones. 1 by default."""
    in_a_row: bool = False
    """Let a good check set the number back to 0; false by default: it is never set back, as in Flagger."""


class KayentaOutliers(Spec):
    """What happens to values far from the others."""

    strategy: Literal["keep", "remove"] = "keep"
    """`keep` by default."""
    outlier_factor: float = 3.0
    """Interquartile ranges beyond the quartiles from which a value is an outlier; 3 by default."""


class KayentaEffectSize(Spec):
    """How large a significant difference must be to matter."""

    measure: Literal["meanRatio", "cles"] = "meanRatio"
    """`meanRatio`, canary mean by stable mean, or `cles`, the chance that a canary value is greater."""
    allowed_increase: float | None = None
    """An effect below this is no increase; 1 by default, 0.5 for cles."""
    allowed_decrease: float | None = None
    """An effect above this is no decrease; 1 by default, 0.5 for cles."""
    critical_increase: float | None = None
    """For a critical metric, the effect from which an increase fails the whole; as allowedIncrease."""
    critical_decrease: float | None = None
    """For a critical metric, the effect from which a decrease fails the whole; as allowedDecrease."""


class KayentaJudge(Spec):
    """The values of canary and stable by rank, as Kayenta's NetflixACAJudge; all such metrics of a run are
    scored together (`.spec.score`).
    """

    direction: Literal["increase", "decrease", "either"] = "either"
    """Which difference is bad; `either` by default."""
    nan_strategy: Literal["remove", "replace"] = "remove"
    """What a missing point is: `remove`, nothing (the default), or `replace`, 0."""
    outliers: KayentaOutliers = KayentaOutliers()
    """What happens to values far from the others."""
    effect_size: KayentaEffectSize = KayentaEffectSize()
    """How large a significant difference must be to matter."""
    critical: bool = False
    """The whole fails with this metric; false by default."""
    must_have_data: bool = False
    """No data fails the metric; false by default."""
    muted: bool = False
    """The metric is judged without a say; false by default."""
    groups: tuple[str, ...] = ()
    """The groups of the score that this metric counts in; one of its own name by default."""


class SequentialJudge(Spec):
    """Counts of the canary against those of the simultaneous stable version (or of baseline pods), after
    every look, with a promised rate of false alarms however often it looks.
    """

    alpha: float | None = None
    """The greatest share of healthy canaries that are failed, over the whole run and all of its metrics;
    0.05 by default, and split evenly over the sequential metrics of a run unless set."""
    max_ratio: float = 1.1
    """How many times as bad as the reference is still acceptable; 1.1 by default."""
    prove_ratio: float = 2.0
    """The canary is proven good once it is shown to be less than so many times as bad; 2 by default."""
    max_error_rate: float | None = 0.5
    """Fail, too, once the canary's own share of bad requests is shown to be above this, whatever the
    reference does; 0.5 by default, and 1 turns it off."""
    negligible_error_rate: float = 0.001
    """The canary is proven good, too, once its own share of errors is shown to be below this, whatever the
    reference does: where nothing ever fails, no comparison can prove anything. 0.001 by default; 0 turns it
    off."""
    min_requests: int = 5
    """Canary requests before anything is concluded; 5 by default."""
    overdispersion: bool = True
    """Discount evidence by how much more the arms vary than chance; true by default."""
    undecided: Literal["inconclusive", "success"] = "inconclusive"
    """What the metric comes to when its count is reached and nothing is shown either way."""


class Judge(Spec):
    """Exactly one of these."""

    threshold: ThresholdJudge | None = None
    """Each value by itself, by successCondition and failureCondition; the default."""
    consecutive: ConsecutiveJudge | None = None
    """Failed checks are counted, as in Flagger."""
    kayenta: KayentaJudge | None = None
    """Canary and stable values are compared by rank, as in Kayenta."""
    sequential: SequentialJudge | None = None
    """Counts of canary and stable are compared after every look, with a promised rate of false alarms."""


class ScoreGroup(Spec):
    """The weight of a group of metrics in the score."""

    name: str
    """The group, as the metrics name it."""
    weight: float
    """Its share of the score, in percent."""


class Score(Spec):
    """How the metrics with the kayenta judge come to one verdict."""

    groups: tuple[ScoreGroup, ...] = ()
    """Weights in percent; groups without one share what is left."""
    pass_: float = Field(default=95, alias="pass")
    """The score from which the run is Successful; 95 by default."""
    marginal: float = 75
    """The score from which the run is Inconclusive rather than Failed; 75 by default."""
