"""Whatever users, pods and metrics do, in whatever order: what must never happen does not."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rollouts.api.baseline import BASELINE_OF
from strategies import baseline, duration, position, replicas, scaledown
from strategies.revisions import roles
from tests.strategies.world import World, blue_green, canary, gateway, routed

GATE = {"templates": [{"templateName": "errors"}]}
STEP_GATE = {"analysis": GATE}
STEPS = ({"setWeight": 20}, STEP_GATE, {"setWeight": 60}, {"pause": {}}, {"pause": {"duration": 5}})
DOWN = ({"setWeight": 70}, {"setWeight": 30}, {"pause": {}}, STEP_GATE)
CLIMB = (
    {"setWeight": 20},
    {"setWeight": 40},
    {"setWeight": 60},
    {"setWeight": 80},
    {"pause": {"duration": 3}},
)
BESIDE = GATE | {"baseline": {"matchCanary": True}}
COMPARED = (
    {"setWeight": 20},
    {"analysis": BESIDE},
    {"setWeight": 40},
    {"analysis": GATE | {"baseline": {"replicas": 1}}},
    {"setWeight": 80},
    {"pause": {"duration": 3}},
)
SCALED = ({"setCanaryScale": {"replicas": 2}}, {"setWeight": 50}, {"pause": {"duration": 3}})

WORLDS = {
    "rolling": (canary(maxSurge=1, maxUnavailable=1),),
    "basic": (
        canary(*STEPS),
        canary(*DOWN, maxSurge=0, maxUnavailable=1),
        canary(
            *STEPS, maxSurge="50%", maxUnavailable=0, stableService="web-stable", canaryService="web-canary"
        ),
    ),
    "routed": (
        routed(*STEPS, analysis=GATE),
        routed(*CLIMB, analysis=GATE),
        routed(*DOWN, scaleDownDelaySeconds=3, abortScaleDownDelaySeconds=2),
        routed(*SCALED, analysis=GATE),
    ),
    "dynamic": (
        routed(*CLIMB, analysis=GATE, dynamicStableScale=True),
        routed(*STEPS, dynamicStableScale=True),
        routed(*DOWN, dynamicStableScale=True),
    ),
    "compared": (
        gateway(*COMPARED),
        gateway(*COMPARED, dynamicStableScale=True),
        gateway({"setWeight": 30}, {"pause": {"duration": 3}}, {"setWeight": 50}, analysis=BESIDE),
    ),
    "blue-green": (
        blue_green(),
        blue_green(autoPromotionSeconds=5, prePromotionAnalysis=GATE, scaleDownDelaySeconds=3),
        blue_green(autoPromotionEnabled=False, previewReplicaCount=1, postPromotionAnalysis=GATE),
    ),
}
VERSIONS = st.sampled_from(["v1", "v2", "v3"])


class Rollouts(RuleBasedStateMachine):
    """Users, pods, metrics and an engine that may die at any moment."""

    strategies: tuple[dict, ...] = ()

    @initialize(data=st.data(), size=st.integers(1, 5), window=st.sampled_from([None, 1, 3]))
    def deploy(self, data, size, window):
        spec = {"rollbackWindow": {"revisions": window}} if window else {}
        strategy = data.draw(st.sampled_from(self.strategies))
        self.world = World(strategy=strategy, replicas=size, spec=spec).run(12)
        assert self.world.status.phase == "Healthy"
        self.world.ship("v2").run(data.draw(st.integers(0, 12)))
        self.condemned = {}
        """Versions whose analysis failed, with the weight they had then."""
        self.remember()

    # --- users -------------------------------------------------------------------------------------------

    @rule(version=VERSIONS)
    def ship(self, version):
        self.world.ship(version)
        self.condemned.clear()  # somebody acted

    @rule()
    def abort(self):
        self.world.patch(abort=True)

    @precondition(lambda self: self.world.status.abort)
    @rule()
    def retry(self):
        self.world.patch(abort=False)
        self.condemned.clear()

    @rule()
    def promote(self):
        self.world.patch(pauseConditions=None)

    @precondition(lambda self: self.world.step is not None and not self.world.status.abort)
    @rule()
    def skip_a_step(self):
        steps = len(self.world.strategy.get("canary", {}).get("steps", ()))
        self.world.patch(pauseConditions=None, currentStepIndex=min(steps, self.world.step + 1))
        self.condemned.clear()

    @rule()
    def promote_full(self):
        self.world.patch(promoteFull=True)
        self.condemned.clear()  # which takes an abort back, too

    @rule(paused=st.booleans())
    def pause(self, paused):
        self.world.set(paused=paused)

    @rule(size=st.integers(0, 6))
    def scale(self, size):
        self.world.scale(size)

    @rule()
    def restart(self):
        self.world.set(restartAt=self.world.now.isoformat())

    # --- the cluster -------------------------------------------------------------------------------------

    @rule(version=st.one_of(VERSIONS, st.just("baseline")))
    def pods_break(self, version):
        self.world.broken.add(version)

    @rule()
    def pods_mend(self):
        self.world.broken.clear()

    @precondition(lambda self: any(run.phase in {"Running", ""} for run in self.world.runs.values()))
    @rule(phase=st.sampled_from(["Successful", "Failed", "Error", "Inconclusive"]))
    def runs_end(self, phase):
        current = self.world.hash_of(self.world.version)
        for run in list(self.world.runs.values()):
            if run.phase in {"Running", "Pending", ""} and not run.terminated:
                self.world.runs[run.name] = replace(run, phase=phase, message="so it is")
        refs = self.world.status
        named = {
            ref.name
            for ref in (
                refs.canary.current_step_analysis_run_status,
                refs.canary.current_background_analysis_run_status,
                refs.blue_green.pre_promotion_analysis_run_status,
                refs.blue_green.post_promotion_analysis_run_status,
            )
            if ref is not None
        }
        if any(
            run.phase in {"Failed", "Error"} and run.name in named and self._current_step(run)
            for run in self.world.runs.values()
        ):
            self.condemned[current] = self.reached_by(current)

    def _current_step(self, run):
        status = self.world.status
        underway = status.stable_rs != status.current_pod_hash == run.pod_hash == self.world.seen.pod_hash
        return underway and not status.promote_full and run.step_index in {None, self.world.step}

    @rule()
    def work_once(self):
        self.reconcile()
        self.world.pass_time()

    @rule(passes=st.integers(2, 8))
    def work(self, passes):
        for _ in range(passes):
            self.work_once()
            self.world_is_sound()
        if self.condemned:
            assert self.world.status.abort, "nobody acted on an analysis that failed"

    @rule(done=st.integers(0, 3))
    def engine_dies(self, done):
        """Some actions are done and status is never written."""
        self.remember()
        self.world.reconcile(actions=done)

    @rule()
    def pods_move(self):
        self.world.pass_time()

    def remember(self):
        """The sets as they were, and which of them were in use, before a pass."""
        self.before = dict(self.world.sets)
        self.used = {self.world.status.stable_rs, self.world.hash_of(self.world.version)}

    def reconcile(self):
        self.remember()
        seen = self.world.seen
        weight, services, before = self.world.weight, dict(self.world.services), self.world.status
        self.world.reconcile()
        self.check_record(before)
        self.check_baseline(seen)
        self.check_traffic(seen, weight, services)
        self.check_capacity(seen)

    # --- what must never happen --------------------------------------------------------------------------

    def reached_by(self, pod_hash):
        """The share of users' requests that a version gets by weight or by an active service."""
        services, strategy = self.world.services, self.world.strategy
        if "blueGreen" in strategy:
            return 100 if services["web-active"].pod_hash == pod_hash else 0
        if "trafficRouting" not in strategy["canary"]:
            return next((each.desired for each in self.world.sets.values() if each.pod_hash == pod_hash), 0)
        share = self.world.weight if services["web-canary"].pod_hash == pod_hash else 0
        stable = self.world.weights.stable if services["web-stable"].pod_hash == pod_hash else 0
        return share + stable

    def check_record(self, before):
        """An update is timed from its begin to one end, and no longer than it took."""
        after, ended = self.world.status, duration.ended(before, self.world.status)
        old, new = before.duration, after.duration
        if (
            old is not None
            and old.finished_at is not None
            and new.rollout_started_at == old.rollout_started_at
        ):
            assert new == old or new.completion_status == "FastRolledBack", "what had ended went on"
        begun = old is None or new.rollout_started_at != old.rollout_started_at
        ends = new.finished_at is not None and (begun or old.finished_at is None)
        superseded = begun and old is not None and old.finished_at is None
        assert (ended is not None) == (ends or superseded), "an end was missed, or counted twice"
        for each in filter(None, (new, ended)):
            whole = (each.finished_at or self.world.now) - each.rollout_started_at
            assert 0 <= (each.total_manual_pause_duration_seconds or 0) <= whole.total_seconds()
            assert each.finished_at is None or (each.completion_status and not each.manual_pause_started_at)
        settled = after.phase == "Healthy" or (after.abort and before.abort)
        assert not settled or new.finished_at is not None, "nothing is under way, and the record goes on"

    def check_traffic(self, seen, weight, services):
        """Traffic moves only to versions with available pods."""
        available = {each.pod_hash: each.available for each in seen.replica_sets}
        for name, service in self.world.services.items():
            if name not in {"web-preview", "web-baseline"} and service.pod_hash != services[name].pod_hash:
                enough = available[service.pod_hash] > 0 or seen.rollout.spec.replicas == 0
                assert enough, f"{name} was switched to a version without pods"
        if self.world.weight > weight and seen.rollout.spec.replicas:
            serving = available[self.world.services["web-canary"].pod_hash]
            assert serving > 0
            if position.canary_scale(seen.rollout) is None:
                assert serving * 100 >= seen.rollout.spec.replicas * self.world.weight

    def check_baseline(self, seen):
        """It has the canary's share or none, and gains one only with pods; without a share it goes."""
        world, before = self.world, seen.weights
        if world.weights is None or before is None:
            return
        had, has = before.share_of("web-baseline"), world.baseline_weight
        assert world.weights.stable >= 0
        pods = next((each for each in seen.replica_sets if each.name not in world.sets), None)
        assert pods is None or not had or BASELINE_OF not in pods.annotations, "pods went before traffic"
        if not has:
            return
        service = world.services["web-baseline"]
        base = next(each for each in seen.replica_sets if each.pod_hash == service.pod_hash)
        stable = roles(seen).stable
        if stable is None or not stable.available:
            assert has <= max(had, world.weight), "it gains although there is no stable version"
            return
        assert base.available or not seen.rollout.spec.replicas, "traffic goes to a baseline without pods"
        if world.weights != before:
            assert has == world.weight, "the shares differ"

    def check_capacity(self, seen):
        """No pass takes so many pods away that fewer are available than the spec allows."""
        if "blueGreen" in self.world.strategy or "trafficRouting" in self.world.strategy["canary"]:
            return
        limits = replicas.bounds(seen.rollout)
        kept = sum(
            min(each.available, self.world.sets[each.name].desired)
            for each in seen.replica_sets
            if each.name in self.world.sets
        )
        had = sum(min(each.available, each.desired) for each in seen.replica_sets)
        assert kept >= min(limits.least, had)
        after = sum(each.desired for each in self.world.sets.values())
        assert after <= max(limits.most, sum(each.desired for each in seen.replica_sets))

    @invariant()
    def world_is_sound(self):
        if not hasattr(self, "world"):
            return
        world = self.world
        served = scaledown.serving(world.seen)
        for each in world.sets.values():
            before = self.before.get(each.name)
            shrunk = before is not None and each.desired < before.desired
            if shrunk and each.pod_hash not in self.used:
                assert each.pod_hash not in served, "pods were taken from a version that a service selects"
        for pod_hash, share in self.condemned.items():
            now = self.reached_by(pod_hash)
            assert now <= share, "a version whose analysis failed gained traffic"
            self.condemned[pod_hash] = now

    def teardown(self):
        """Left alone with pods that work, the world comes to rest."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.broken.clear()
        world.set(paused=False)
        for _ in range(150):
            self.reconcile()
            world.pass_time(3)
            planned = world.plan()
            if not planned.actions and planned.status == world.status and planned.requeue_after is None:
                break
        planned = world.plan()
        waiting = planned.requeue_after is None or world.status.phase in {"Paused", "Progressing"}
        assert not planned.actions, planned.actions
        assert planned.status == world.status
        assert waiting
        if world.status.phase == "Healthy":
            assert world.size(world.version) == world.replicas
        asks = baseline.asked(world.rollout) if not roles(world.seen).promoted else ()
        assert bool(world.baseline) is bool(asks)
        assert ("web-baseline" in world.services) is bool(asks)
        assert world.baseline_weight == (world.weight if asks else 0)


def machine(name):
    kind = type(f"Rollouts of {name}", (Rollouts,), {"strategies": WORLDS[name]})
    case = kind.TestCase
    case.settings = settings(
        max_examples=40,
        derandomize=True,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return case


TestRolling = machine("rolling")
TestBasicCanary = machine("basic")
TestRoutedCanary = machine("routed")
TestDynamicCanary = machine("dynamic")
TestComparedCanary = machine("compared")
TestBlueGreen = machine("blue-green")


@pytest.mark.parametrize("name", WORLDS)
def test_an_engine_that_dies_after_every_single_action_gets_there_all_the_same(name):
    """Each pass does one action and forgets it, until a pass has nothing left to do but to write status."""
    for strategy in WORLDS[name]:
        world = World(strategy=strategy, replicas=4)
        world.verdicts |= {"v1": "Successful", "v2": "Successful"}
        for version in ("v1", "v2"):
            world.version = version
            for _ in range(400):
                done = 0
                while (planned := world.plan()).actions and done < 20:
                    world.do(planned.actions[0])
                    world.pass_time(0)
                    done += 1
                world.reconcile()
                world.pass_time()
                if world.status.pause_conditions and world.status.message.endswith("Pause"):
                    world.patch(pauseConditions=None)
                if world.status.message == "CanaryPauseStep":
                    world.patch(pauseConditions=None)
                if world.status.phase == "Healthy" and world.status.stable_rs == world.hash_of(version):
                    break
            assert world.status.stable_rs == world.hash_of(version)
