"""What a user of a shop does and waits for, in pieces to be put together, and the manifests of it."""

from collections.abc import Awaitable, Callable

from rollouts.kube.resources import INGRESSES
from tests.upstream.walk import Walk, phase_of

Act = Callable[[Walk], Awaitable[object]]


def rollout(strategy: str, *, replicas: int = 2, spec: str = "") -> str:
    """A Rollout, with a further field of its spec."""
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: shop}}
spec:
  replicas: {replicas}
  strategy: {{{strategy}}}
  selector: {{matchLabels: {{app: shop}}}}
  {spec}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec: {{containers: [{{name: shop, image: "nginx:1.19-alpine"}}]}}
"""


def service(name: str) -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: shop}}, ports: [{{port: 80}}]}}
"""


def template(name: str, script: str, interval: str = "") -> str:
    """An analysis that runs a Job."""
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: {name}}}
spec:
  metrics:
  - name: {name}
    {interval and f"interval: {interval}"}
    provider:
      job:
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers: [{{name: job, image: "alpine:3", command: [sh, -c, {script}]}}]
"""


INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop-stable, port: {number: 80}}}}]}
"""
NGINX = (
    "canaryService: shop-canary, stableService: shop-stable, trafficRouting: {nginx: {stableIngress: shop}}"
)
ROUTED = (service("shop-canary"), service("shop-stable"), INGRESS)
BLUE_GREEN = "activeService: shop-active, previewService: shop-preview"
SERVICES = (service("shop-active"), service("shop-preview"))
BY_HAND = "steps: [{setWeight: 50}, {pause: {}}, {setWeight: 75}, {pause: {}}]"


def healthy(*manifests: str) -> Act:
    return lambda walk: walk.healthy(*manifests)


def paused(*manifests: str) -> Act:
    """With a new version that has come to its pause."""

    async def begin(walk: Walk) -> None:
        await walk.healthy(*manifests)
        await walk.update()
        await walk.phase("Paused")

    return begin


def in_turn(*acts: Act) -> Act:
    async def all_of_them(walk: Walk) -> None:
        for act in acts:
            await act(walk)

    return all_of_them


def becomes(phase: str) -> Act:
    return lambda walk: walk.phase(phase)


def at_step(index: int) -> Act:
    return lambda walk: walk.step(index)


async def promotes(walk: Walk) -> None:
    await walk.promote()


async def promotes_in_full(walk: Walk) -> None:
    await walk.promote(full=True)


async def aborts(walk: Walk) -> None:
    await walk.abort()


async def retries(walk: Walk) -> None:
    await walk.retry()


async def restarts(walk: Walk) -> None:
    await walk.restart()


async def updates(walk: Walk) -> None:
    await walk.update()


def run_is(kind: str, phase: str) -> Act:
    return lambda walk: walk.run_phase(kind, phase)


def runs(number: int) -> Act:
    """There are so many AnalysisRuns, and each has one Job at the most."""

    async def are(walk: Walk) -> None:
        assert len(await walk.runs()) == number
        assert len(await walk.jobs()) <= number

    return are


def weight(percent: int) -> Act:
    """The ingress of the canary gets so much."""

    async def comes(walk: Walk) -> None:
        async def is_so() -> bool:
            found = (await walk.kube.list(INGRESSES, walk.namespace))["items"]
            weights = [
                each["metadata"]["annotations"].get("nginx.ingress.kubernetes.io/canary-weight", "0")
                for each in found
                if each["metadata"]["name"] != "shop"
            ]
            return weights == [str(percent)]

        await walk.eventually(is_so, f"weight {percent}")

    return comes


def pods(revision: int, number: int) -> Act:
    return lambda walk: walk.pod_count(revision, number)


async def is_restarted_once(walk: Walk) -> None:
    """The pods are those that the restart has made, and a further restart replaces each."""
    before = {each["metadata"]["uid"] for each in await walk.pods(1)}
    await walk.restart()

    async def all_new() -> bool:
        now = await walk.pods(1)
        ready = (await walk.rollout())["status"].get("readyReplicas")
        return ready == 2 == len(now) and not before & {each["metadata"]["uid"] for each in now}

    await walk.eventually(all_new, "pods that are all new")


async def is_refused(walk: Walk) -> None:
    await walk.update("{spec: {strategy: {canary: {maxSurge: 0, maxUnavailable: 0}}}}")
    await walk.until(
        lambda each: (
            phase_of(each) == "Degraded"
            and any(found["type"] == "InvalidSpec" for found in each["status"]["conditions"])
        ),
        "InvalidSpec",
    )


async def is_mended(walk: Walk) -> None:
    await walk.update("{spec: {strategy: {canary: {maxSurge: 1}}}}")


async def gets_a_version_that_never_comes_up(walk: Walk) -> None:
    broken = "{stand-in/ready-after: never}"
    await walk.update(f"{{spec: {{template: {{metadata: {{annotations: {broken}}}}}}}}}")


async def gets_a_version_that_comes_up(walk: Walk) -> None:
    await walk.update("{spec: {template: {metadata: {annotations: {stand-in/ready-after: null, a: b}}}}}")


async def switches(walk: Walk) -> None:
    await walk.active_revision(2)


CHANGES_HANDS = in_turn(updates, becomes("Paused"), promotes, at_step(3), promotes, becomes("Healthy"))
"""A healthy rollout gets a new version and both its pauses are passed."""
AND_BACK = in_turn(aborts, becomes("Degraded"), retries, becomes("Paused"), promotes_in_full)
TO_THE_END = in_turn(AND_BACK, becomes("Healthy"), pods(1, 0), pods(2, 2))
