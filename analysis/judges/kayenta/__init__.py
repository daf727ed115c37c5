"""The judge `kayenta`: NetflixACAJudge-v1.0 of Spinnaker's Kayenta, on numpy.

Each metric's canary values are compared with the control's by rank (`classify_metric`), and the metrics of a
run are scored together (`judge`).

**Hypothesis**: canary and control values come from one distribution; the alternative is a shift.
**Promise**: for one metric that is judged once, a shift that is not there is reported with at most 2 %
probability (the interval's confidence is 98 %), and less, as the whole interval must be beyond a quarter of
the estimate.
**It holds if** the points are independent and both arms were measured at the same times, with 50 points or
more each, and if the judge is asked once.
**What breaks it**: asking again and again (each judgement has its own 2 %); points that depend on each other;
few points; ties (rare errors are ties at 0); differences below 1e-4 in the metric's unit, the tolerance of
the solver; and changes that are no shift, in a few points of many or in the variance.
**Checked by** tests/analysis/judges/test_kayenta_properties.py, and against Kayenta's own vectors by
test_kayenta_vectors.py beside it.
**Sources**: spinnaker/kayenta (kayenta-judge, kayenta-mannwhitney); R's wilcox.test; Hodges and Lehmann 1963;
Brent 1973; Vargha and Delaney 2000.
"""

from analysis.judges.kayenta.classify import Classification, Limits, classify
from analysis.judges.kayenta.effect import cles, effect_size, mean_ratio
from analysis.judges.kayenta.many import classify_many
from analysis.judges.kayenta.metric import classify_metric
from analysis.judges.kayenta.outliers import detect_outliers
from analysis.judges.kayenta.rank_test import Shift, Untestable, mann_whitney_test, wilcoxon_deviation
from analysis.judges.kayenta.score import GroupScore, Summary, Verdict, judge, score
from analysis.judges.kayenta.series import NoSeries, Series, evidence, read_series

__all__ = [
    "Classification",
    "GroupScore",
    "Limits",
    "NoSeries",
    "Series",
    "Shift",
    "Summary",
    "Untestable",
    "Verdict",
    "classify",
    "classify_many",
    "classify_metric",
    "cles",
    "detect_outliers",
    "effect_size",
    "evidence",
    "judge",
    "mann_whitney_test",
    "mean_ratio",
    "read_series",
    "score",
    "wilcoxon_deviation",
]
