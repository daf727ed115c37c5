"""The kinds that the engine speaks of, and their paths in the API."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API serves it."""

    group: str
    """Empty for the core group."""
    version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path; without a namespace, of all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if self.namespaced and namespace:
            parts += ["namespaces", _quoted(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(_quoted(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return quote(name, safe="")


ROLLOUTS = Resource("argoproj.io", "v1alpha1", "Rollout", "rollouts")
ANALYSIS_TEMPLATES = Resource("argoproj.io", "v1alpha1", "AnalysisTemplate", "analysistemplates")
CLUSTER_ANALYSIS_TEMPLATES = Resource(
    "argoproj.io", "v1alpha1", "ClusterAnalysisTemplate", "clusteranalysistemplates", namespaced=False
)
ANALYSIS_RUNS = Resource("argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns")
EXPERIMENTS = Resource("argoproj.io", "v1alpha1", "Experiment", "experiments")
APPLICATIONS = Resource("argoproj.io", "v1alpha1", "Application", "applications")
APP_PROJECTS = Resource("argoproj.io", "v1alpha1", "AppProject", "appprojects")

NAMESPACES = Resource("", "v1", "Namespace", "namespaces", namespaced=False)
NODES = Resource("", "v1", "Node", "nodes", namespaced=False)
PODS = Resource("", "v1", "Pod", "pods")
SERVICES = Resource("", "v1", "Service", "services")
SECRETS = Resource("", "v1", "Secret", "secrets")
CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps")
EVENTS = Resource("", "v1", "Event", "events")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
REPLICA_SETS = Resource("apps", "v1", "ReplicaSet", "replicasets")
DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments")
JOBS = Resource("batch", "v1", "Job", "jobs")
INGRESSES = Resource("networking.k8s.io", "v1", "Ingress", "ingresses")
INGRESS_CLASSES = Resource("networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False)
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "Gateway", "gateways")
GATEWAY_CLASSES = Resource(
    "gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses", namespaced=False
)
LEASES = Resource("coordination.k8s.io", "v1", "Lease", "leases")
CRDS = Resource(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
