"""The demo from beginning to end: set up, ship a good version, a bad and a slow one, and what came of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from rollouts.demo import measure
from rollouts.demo.load import Load, Target
from rollouts.demo.manifests import APPS, BAD, GOOD, NAMESPACE, PATHS, SLOW, STABLE, SYSTEM, image, setup
from rollouts.demo.processes import Programs
from rollouts.demo.report import Check, Report, Step
from rollouts.demo.repository import Commit, Repository
from rollouts.demo.timeline import Timeline
from rollouts.kube.client import Client
from rollouts.kube.http import connect
from rollouts.kube.resources import ANALYSIS_RUNS, APPLICATIONS, INGRESSES, ROLLOUTS, SERVICES

FLASK, EXPRESS, SPRING = "hello-flask", "hello-express", "hello-spring"
CANARY_INGRESS = "hello-flask-hello-world-flask-ingress-canary"

TARGETS = (
    Target(app=FLASK, host="edu00-python.com", per_second=150),
    Target(app=EXPRESS, host="edu00-express.com", per_second=30),
    Target(app=SPRING, host="edu00-spring.com", per_second=30),
    # The testers of the preview: blue/green judges the new version by their requests before anybody else's.
    Target(app="hello-express-preview", host="preview.edu00-express.com", per_second=20),
)

WORSE = {BAD: "one request in ten will fail", SLOW: "each answer will take 150 ms longer"}
"""The versions that must not pass, and why."""

# How long after a change of weight or service an answer of the old version may still be under way.
GRACE = 1.0


@dataclass(slots=True)
class Story:
    """One showing of the demo; `tell` gets a line for everything that happens."""

    programs: Programs
    tell: Callable[[str], None]
    revert: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    async def play(self) -> Report:
        """Show it all. Raises Unavailable where something did not happen in time."""
        started = time.monotonic()
        repository = await self._start()
        client = await connect(kubeconfig=self.programs.kubeconfig)
        try:
            async with _following(client) as timeline:
                load = Load(address=await _ingress_address(client))
                await self._deploy(timeline, repository)
                load.start(TARGETS)
                try:
                    await self._ship_good(timeline, load, repository)
                    ends = {GOOD: time.monotonic()}
                    for version in WORSE:
                        await self._ship_worse(timeline, load, repository, version)
                        ends[version] = time.monotonic()
                finally:
                    await load.stop()
                self.seconds["the whole demo"] = time.monotonic() - started
                return self._report(timeline, load, ends)
        finally:
            await client.close()

    async def _start(self) -> Repository:
        began = time.monotonic()
        await self.programs.rollouts("cluster", "up")
        self.seconds["cluster up"] = time.monotonic() - began
        self.tell(f"The embedded cluster is up; kubectl --kubeconfig {self.programs.kubeconfig} works.")
        repository = await Repository.create(self.programs.home / "demo")
        self.tell(f"Three applications are in the Git repository {repository.url}")
        await self.programs.kubectl("apply", "-f", "-", manifest=setup(repository.url, revert=self.revert))
        await self.programs.start_controller(
            "--git-poll-interval", "1s", "--metrics-port", "0", "--health-port", "0", "--webhook-port", "0"
        )
        self.tell("rollouts controller runs.")
        return repository

    async def _deploy(self, timeline: Timeline, repository: Repository) -> None:
        began = time.monotonic()
        for app in APPS:
            await timeline.until("Application", app, measure.is_synced, what=f"{app} {STABLE} is deployed")
        self.seconds["first deployment of all three"] = time.monotonic() - began
        self.tell(
            f"Version {STABLE} of all three is Synced and Healthy, from {(await repository.head())[:7]}."
        )

    async def _ship_good(self, timeline: Timeline, load: Load, repository: Repository) -> None:
        await asyncio.sleep(1)
        commits = {app: await repository.set_image(PATHS[app], image(app, GOOD)) for app in APPS}
        self.tell(f"CI commits the tag {GOOD} of all three.")
        progress = asyncio.create_task(self._follow_canary(timeline, load, GOOD))
        try:
            for app in (SPRING, EXPRESS, FLASK):
                await self._promoted(timeline, app, commits[app])
        finally:
            progress.cancel()
        self._first_request(load, commits[FLASK])
        gates = self._tell_evidence(timeline, commits[FLASK].pushed)
        self._check(gates == 3, f"canary and stable were compared at 10, 30 and 60 %: {gates} gates")

    def _tell_evidence(self, timeline: Timeline, since: float) -> int:
        """Tell what the last comparison since then rests on; how many there were."""
        runs = {m.name: m.object for m in timeline.all("AnalysisRun", since) if measure.compares(m.object)}
        for metric, sentence in measure.evidence([*runs.values()][-1]).items() if runs else ():
            self.tell(f"  {metric}: {sentence}")
        return len(runs)

    async def _promoted(self, timeline: Timeline, app: str, commit: Commit) -> None:
        wanted = image(app, GOOD)
        synced = await timeline.until(
            "Rollout", app, lambda r: measure.runs_image(r, wanted), what=f"{app} {GOOD} is synced"
        )
        healthy = await timeline.until(
            "Rollout",
            app,
            lambda r: measure.is_healthy(r, wanted),
            what=f"{app} {GOOD} is promoted",
            timeout=75,
        )
        self.seconds[f"{app}: commit to sync"] = synced.at - commit.pushed
        self.seconds[f"{app}: commit to promotion"] = healthy.at - commit.pushed
        self.tell(f"{app} {GOOD} is promoted, {healthy.at - commit.pushed:.1f} s after the commit.")

    def _first_request(self, load: Load, commit: Commit) -> None:
        first = min((s.done for s in load.samples if s.app == FLASK and s.version == GOOD), default=None)
        if first is not None:
            self.seconds[f"{FLASK}: commit to first canary request"] = first - commit.pushed

    async def _follow_canary(self, timeline: Timeline, load: Load, version: str) -> None:
        """Tell of each step, with the share that the clients have seen two seconds into it."""
        since, told = time.monotonic(), 0
        while True:
            await asyncio.sleep(0.5)
            changes = [*measure.weights(timeline.of("Ingress", CANARY_INGRESS, since))]
            if changes and changes[-1][1] > told:
                at, told = changes[-1]
                await asyncio.sleep(2)
                answers = load.count(FLASK, at + measure.SETTLE, time.monotonic())
                share = 100 * answers[version] / max(1, answers.total())
                self.tell(f"{FLASK} {version}: weight {told} %, measured {share:.1f} % so far.")

    async def _ship_worse(self, timeline: Timeline, load: Load, repository: Repository, version: str) -> None:
        commit = await repository.set_image(PATHS[FLASK], image(FLASK, version))
        self.tell(f"CI commits the tag {version} of {FLASK}: {WORSE[version]}.")
        progress = asyncio.create_task(self._follow_canary(timeline, load, version))
        aborted = await timeline.until(
            "Rollout",
            FLASK,
            lambda r: measure.is_aborted(r, image(FLASK, version)),
            what=f"{FLASK} {version} is aborted",
        )
        retreat = await timeline.until(
            "Ingress",
            CANARY_INGRESS,
            lambda i: measure.weight_of(i) == 0,
            what="all traffic is back on the stable version",
            since=self._last_weight(timeline, commit.pushed),
        )
        progress.cancel()
        self.seconds[f"{FLASK}: commit of {version} to Degraded"] = aborted.at - commit.pushed
        self.seconds[f"{FLASK}: commit of {version} to full retreat"] = retreat.at - commit.pushed
        self.tell(f"Analysis failed: {aborted.object['status'].get('message', '')}")
        application = await timeline.until(
            "Application",
            FLASK,
            lambda a: bool(measure.rejection(a, commit.revision)),
            what=f"revision {commit.revision[:7]} is rejected",
        )
        self.tell(f"Git revision rejected: {measure.rejection(application.object, commit.revision)}")
        if self.revert:
            self.seconds[f"{FLASK}: commit of {version} to its revert and Healthy"] = await self._reverted(
                timeline, repository, commit, aborted.at
            )
        await asyncio.sleep(3)
        self._judge_worse(timeline, load, commit, version, retreat.at)

    def _last_weight(self, timeline: Timeline, since: float) -> float:
        """When the canary got its last weight above 0."""
        weights = measure.weights(timeline.of("Ingress", CANARY_INGRESS, since))
        return max((at for at, weight in weights if weight), default=since)

    async def _reverted(
        self, timeline: Timeline, repository: Repository, commit: Commit, aborted: float
    ) -> float:
        """Seconds from the commit until the engine's revert of it was in Git and in force."""
        healthy = await timeline.until(
            "Rollout",
            FLASK,
            lambda r: measure.is_healthy(r, image(FLASK, GOOD)),
            what=f"{FLASK} is back on {GOOD} by a revert in Git",
            since=aborted,
        )
        head = await repository.head()
        subject = await repository.subject(head)
        self._check(head != commit.revision, f"the engine committed the revert: {head[:7]} {subject}")
        return healthy.at - commit.pushed

    def _judge_worse(
        self, timeline: Timeline, load: Load, commit: Commit, version: str, retreated: float
    ) -> None:
        states = [m.object for m in timeline.of("Rollout", FLASK, commit.pushed)]
        steps = [
            s["status"].get("currentStepIndex") or 0
            for s in states
            if measure.is_observed(s, image(FLASK, version))
        ]
        # Index 0 sets the weight, index 1 is the analysis that gates it: 2 would mean that it passed.
        self._check(bool(steps) and max(steps) <= 1, f"{version} never passed its first gate")
        late = load.count(FLASK, retreated + GRACE, time.monotonic())
        self._check(
            late[version] == 0 and late.total() > 0,
            f"after the retreat {late[version]} of {late.total()} requests met {version}",
        )
        last = [*timeline.of("Application", FLASK)][-1].object
        if not self.revert:
            held = bool(measure.rejection(last, commit.revision))
            self._check(held, f"automated sync holds the rejected revision of {version}, and does not fight")

    def _report(self, timeline: Timeline, load: Load, ends: dict[str, float]) -> Report:
        samples = [s for s in load.samples if s.app == FLASK]
        changes = [*measure.weights(timeline.of("Ingress", CANARY_INGRESS))]
        end = time.monotonic()
        steps: list[Step] = []
        since = 0.0
        for version, until in ends.items():
            mine = [change for change in changes if since <= change[0] < until]
            steps += measure.steps(version, mine, samples, until)
            since = until
        good = [s.weight for s in steps if s.version == GOOD]
        self._check(good == [10, 30, 60, 100], f"the canary walked 10, 30, 60, 100 %: {good}")
        self._check(all(s.agrees for s in steps), "every measured share agrees with its weight (4 sd)")
        for version in WORSE:
            weights = [s.weight for s in steps if s.version == version]
            self._check(weights == [10], f"{version} got no more than its first weight: {weights}")
        for app in (SPRING, EXPRESS):
            versions = load.count(app, ends[GOOD], end)
            self._check(set(versions) == {GOOD}, f"{app} answers with {GOOD} alone: {dict(versions)}")
        failed = measure.failures(load.samples)
        strangers = [f for f in failed if (f.app, f.version, f.cause) != (FLASK, BAD, "HTTP 500")]
        self._check(not strangers, "no request failed but those that the bad version itself failed")
        sent = {target.app: sum(s.app == target.app for s in load.samples) for target in TARGETS}
        return Report(
            steps=tuple(steps), sent=sent, failures=failed, seconds=self.seconds, checks=tuple(self.checks)
        )

    def _check(self, holds: bool, sentence: str) -> None:
        self.checks.append(Check(holds=holds, sentence=sentence))


@asynccontextmanager
async def _following(client: Client) -> AsyncIterator[Timeline]:
    timeline = Timeline(client)
    tasks = [
        asyncio.create_task(timeline.follow(ROLLOUTS, NAMESPACE)),
        asyncio.create_task(timeline.follow(ANALYSIS_RUNS, NAMESPACE)),
        asyncio.create_task(timeline.follow(INGRESSES, NAMESPACE)),
        asyncio.create_task(timeline.follow(APPLICATIONS, SYSTEM)),
    ]
    try:
        yield timeline
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def _ingress_address(client: Client) -> str:
    service = await client.get(SERVICES, "envoy", SYSTEM)
    port = next(p["port"] for p in service["spec"]["ports"] if p["name"] == "http")
    return f"127.0.0.1:{port}"
