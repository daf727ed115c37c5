"""What the records of the generator say against what was allowed. Pure."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RECORD = np.dtype(
    [
        ("sent", "<f8"),
        ("took", "<f4"),
        ("host", "u1"),
        ("kind", "u1"),
        ("status", "<u2"),
        ("said", "S8"),
        ("pod", "S12"),
    ]
)
"""As generator.py writes them."""

Records = NDArray[np.void]

LAG = 0.25
"""Seconds: it is Envoy's main thread that says yes; its worker follows as soon as the machine lets it."""

_DEVIATIONS = 5.0
"""Of a binomial share; there are some hundred of them in a long run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A span in which one version had a share of the requests to a host."""

    host: str
    version: str
    percent: int
    since: float
    until: float


@dataclass(slots=True)
class Ledger:
    """Which versions were allowed to answer for each host, and when."""

    spans: dict[str, list[tuple[float, frozenset[str]]]] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)

    def allow(self, host: str, at: float, *versions: str) -> None:
        """From `at` on these and no others. More are allowed before they can answer, fewer after they can."""
        self.spans.setdefault(host, []).append((at, frozenset(versions)))

    def allowed(self, host: str, sent: float, done: float) -> frozenset[str]:
        """What a request that was under way in a span of time may have been answered by."""
        spans = self.spans[host]
        times = [at for at, _ in spans]
        first = max(0, bisect_right(times, sent - LAG) - 1)
        return frozenset().union(*(versions for _, versions in spans[first : bisect_right(times, done)]))


def failures(records: Records, hosts: Sequence[str], *, failing: str) -> Iterator[str]:
    """Each failed request that was not answered so by a version whose name begins with `failing`."""
    own = np.char.startswith(records["said"], failing.encode()) & (records["status"] == 500)
    for record in records[(records["status"] != 200) & ~own]:
        yield _told(record, hosts)


def trespasses(records: Records, hosts: Sequence[str], ledger: Ledger) -> Iterator[str]:
    """Each request that was answered by a version which was not allowed to at that time."""
    answered = records[np.isin(records["status"], (200, 500))]
    for index, host in enumerate(hosts):
        mine = answered[answered["host"] == index]
        # Of the requests between two changes all are alike; only those across one are looked at singly.
        edges = np.array([at for at, _ in ledger.spans[host]])
        first = np.searchsorted(edges, mine["sent"] - LAG, side="right")
        last = np.searchsorted(edges, mine["sent"] + mine["took"], side="right")
        for number, (_, versions) in enumerate(ledger.spans[host], start=1):
            within = mine[(first == number) & (last == number)]
            for record in within[~np.isin(within["said"], [v.encode() for v in versions])]:
                yield f"{_told(record, hosts)}; allowed were {sorted(versions)}"
        for record in mine[first != last]:
            sent = float(record["sent"])
            versions = ledger.allowed(host, sent, sent + float(record["took"]))
            if record["said"].decode() not in versions:
                yield f"{_told(record, hosts)}; allowed were {sorted(versions)}"


def deviations(records: Records, hosts: Sequence[str], ledger: Ledger) -> Iterator[str]:
    """Each share that is off by more than chance explains."""
    for share in (share for share in ledger.shares if share.host in hosts):
        mine = records["host"] == hosts.index(share.host)
        within = (records["sent"] >= share.since) & (records["sent"] + records["took"] <= share.until)
        said = records[mine & within]["said"]
        p, total = share.percent / 100, len(said)
        seen = int(np.count_nonzero(said == share.version.encode()))
        if abs(seen - p * total) > _DEVIATIONS * math.sqrt(p * (1 - p) * total) + 1:
            yield f"{share}: {seen} of {total}"


def figures(records: Records) -> dict[str, str]:
    """What is told of a run, and held to nothing."""
    span = float(records["sent"].max() - records["sent"].min())
    p50, p99, p999 = np.percentile(records["took"], [50, 99, 99.9]) * 1000
    longest = float(records["took"].max())
    fresh, post = (int(np.count_nonzero(records["kind"] & bit)) for bit in (1, 2))
    return {
        "requests": f"{len(records):,} in {span:.0f} s, {len(records) / span:,.0f} a second",
        "on connections of their own": f"{fresh:,}",
        "with a body": f"{post:,}",
        "latency": f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms, longest {longest:.2f} s",
        "pods that answered": f"{len(np.unique(records['pod']))}",
        "versions that answered": f"{len(np.unique(records['said'][records['status'] == 200]))}",
    }


def _told(record: np.void, hosts: Sequence[str]) -> str:
    kind = ("GET", "GET on a fresh connection", "POST", "POST on a fresh connection")[int(record["kind"])]
    said = record["said"].decode() or "no version"
    sent = float(record["sent"])
    return (
        f"{sent:.3f} +{float(record['took']):.3f} s {hosts[int(record['host'])]} {kind}: "
        f"{int(record['status'])} {said} of pod {record['pod'].decode() or '-'}"
    )
