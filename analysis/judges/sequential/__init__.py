"""The judge `sequential`: canary against the simultaneous reference, after every look, with a promised rate
of false alarms however often it looks and whenever it stops.

**Hypotheses**: harm, "bad requests are at most `maxRatio` times as frequent as on the reference, and at
most `maxErrorRate`"; proof, "at least `proveRatio` times as frequent, and, of errors, in all at least
`negligibleErrorRate`". Bad is to fail, or to take longer than an edge of the histogram.
**Promise**: of canaries for which the first holds, at most a share of alpha is ever failed; of those for
which the second holds, at most a share of alpha is ever proven. (For a histogram the second is about the
edges that 1 to 50 % of the reference's requests were above at the first look.) The bounds of the ratio
hold each at all looks together with the same confidence.
**It holds if** requests are bad independently of each other, given what they have in common at the time.
Rates may differ from request to request, drift, and jump, as long as they do so for both versions alike;
weights and traffic may follow whatever was seen before; looks may be missing, and whoever chooses their
times may have seen those before.
**What breaks it**: errors in clusters (one bad pod, retries of one request): the guard against
overdispersion estimates that and discounts, which is measured and not proven (docs/judges.md); a true
difference that is no regression, such as a cold start that outlasts warmUp, against which baseline pods
help; counts that are no counts, such as rates, or `increase` over fewer than four scrapes; and a share of
requests that the versions get not at random, such as by user.
**Checked by** tests/analysis/judges/sequential: test_promise.py by simulation with fixed seeds, and by
sums over everything that can come of a look; test_properties.py for what must never happen;
test_elementwise.py, that one metric comes to what it comes to among many; and by `make bench-judges`.
**Sources**: Lindon and Malek, NeurIPS 2022 (arXiv 2011.03567), for counts of two arms under any shared
intensity; Turner, Ly and Grünwald (2106.02693) for e-variables of two Bernoulli streams; Ville 1939;
Howard, Ramdas and others, Annals of Statistics 2021, for confidence sequences; Wedderburn 1974 for the
dispersion.

One look goes through these modules: `counts` reads and checks what was measured, `state` what is
remembered, `tally` adds one to the other (with `effects`, `stakes`, `gross` and `dispersion`), `evidence`
weighs the sums, `verdict` tells what they come to, and `judge` is all of that. `many` does it for many
runs side by side; the formulas are the same, in the functions of `elementwise`.
"""
