"""The ingress controller: keeps Envoy as the routing objects say, and says so on them once it is true."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from rollouts.api.meta import Object
from rollouts.embedded.proxy import verdicts
from rollouts.embedded.proxy.ads import AdsServer, Rejected
from rollouts.embedded.proxy.httproutes import our_gateways
from rollouts.embedded.proxy.in_force import InForce
from rollouts.embedded.proxy.model import CONTROLLER, Config, Problem, RouteVerdict
from rollouts.embedded.proxy.routes import Seen, configure
from rollouts.embedded.workloads.cache import Cache
from rollouts.embedded.workloads.events import warning
from rollouts.embedded.workloads.pods import Clock
from rollouts.kube.errors import AlreadyExists, ApiError, NotFound, Terminating, Unreachable
from rollouts.kube.resources import (
    ENDPOINT_SLICES,
    EVENTS,
    GATEWAY_CLASSES,
    GATEWAYS,
    HTTP_ROUTES,
    INGRESS_CLASSES,
    INGRESSES,
    SERVICES,
    Resource,
)

RESOURCES = (
    SERVICES,
    ENDPOINT_SLICES,
    INGRESSES,
    INGRESS_CLASSES,
    HTTP_ROUTES,
    GATEWAYS,
    GATEWAY_CLASSES,
)
"""The kinds that the cache must hold."""

_GATHER = 0.003
"""Seconds: changes that come this close together are one."""

log = logging.getLogger(__name__)


class IngressController:
    """One loop: look, configure, wait for Envoy's yes, write statuses."""

    def __init__(self, cache: Cache, ads: AdsServer, clock: Clock) -> None:
        self._cache = cache
        self._ads = ads
        self._clock = clock
        self.in_force = InForce()
        self._changed = asyncio.Event()
        self._told: set[Problem] = set()
        cache.listen(self._notice)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._cache.synced()
        applied: Config | None = None
        self._changed.set()
        while True:
            await self._changed.wait()
            await asyncio.sleep(_GATHER)
            self._changed.clear()
            config = configure(self._seen())
            if applied is None or (config.hosts, config.clusters) != (applied.hosts, applied.clusters):
                self.in_force.telling(config.clusters)
                try:
                    await self._ads.apply(config.hosts, config.clusters)
                except Rejected as rejected:
                    log.error("%s", rejected)
                    continue
                self.in_force.told(config.clusters)
            applied = config
            await self._report(config)

    def _notice(self, resource: Resource, _: Object) -> None:
        if resource in RESOURCES:
            self._changed.set()

    def _seen(self) -> Seen:
        every = self._cache.all
        return Seen(
            services=every(SERVICES),
            endpoint_slices=every(ENDPOINT_SLICES),
            ingresses=every(INGRESSES),
            ingress_classes=every(INGRESS_CLASSES),
            http_routes=every(HTTP_ROUTES),
            gateways=every(GATEWAYS),
            gateway_classes=every(GATEWAY_CLASSES),
        )

    async def _report(self, config: Config) -> None:
        """Say what is true now; what changed in the meantime is said in the next pass."""
        try:
            for key in config.ingresses:
                ingress = self._cache.get(INGRESSES, key)
                if ingress is not None:
                    balancer = {"ingress": [{"ip": verdicts.ADDRESS}]}
                    await self._cache.write_status(INGRESSES, ingress, {"loadBalancer": balancer})
            for verdict in config.verdicts:
                await self._report_route(verdict)
            await self._report_gateways(config.verdicts)
            for problem in set(config.problems) - self._told:
                await self._tell(problem)
            self._told = set(config.problems)
        except (ApiError, Unreachable) as error:
            log.debug("status of a route: %s", error)
            self._changed.set()
            await asyncio.sleep(0.01)

    async def _report_route(self, verdict: RouteVerdict) -> None:
        route = self._cache.get(HTTP_ROUTES, (verdict.namespace, verdict.name))
        # A newer generation is not what Envoy confirmed.
        if route is not None and route["metadata"].get("generation", 0) == verdict.generation:
            parents = verdicts.route_parents(route, verdict, self._clock())
            await self._cache.write_status(HTTP_ROUTES, route, {"parents": parents})

    async def _report_gateways(self, routes: Sequence[RouteVerdict]) -> None:
        for class_ in self._cache.all(GATEWAY_CLASSES):
            if class_["spec"].get("controllerName") == CONTROLLER:
                status = verdicts.class_status(class_, self._clock())
                await self._cache.write_status(GATEWAY_CLASSES, class_, status)
        ours = our_gateways(self._cache.all(GATEWAYS), self._cache.all(GATEWAY_CLASSES))
        for gateway in ours.values():
            status = verdicts.gateway_status(gateway, routes, self._clock())
            await self._cache.write_status(GATEWAYS, gateway, status)

    async def _tell(self, problem: Problem) -> None:
        item = self._cache.get(INGRESSES, (problem.namespace, problem.name))
        if item is None:
            return
        log.warning("%s %s/%s: %s", problem.kind, problem.namespace, problem.name, problem.message)
        event = warning(
            item,
            INGRESSES,
            reason=problem.reason,
            message=problem.message,
            component=CONTROLLER,
            now=self._clock(),
        )
        # Where the namespace goes away, so does the problem.
        with suppress(AlreadyExists, Terminating, NotFound):
            await self._cache.client.create(EVENTS, event, problem.namespace)
