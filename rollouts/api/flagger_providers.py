"""The providers that Flagger has and Argo Rollouts has not: additive to upstream."""

from rollouts.api.meta import Spec
from rollouts.api.secret_ref import SecretRef


class StackdriverMetric(Spec):
    """A query of Google Cloud Monitoring."""

    query: str
    """The query, in MQL; it must give one series."""
    project: str = ""
    """The Google Cloud project; the Secret's key `project` by default."""
    secret_ref: SecretRef = SecretRef()
    """The Secret with the keys `project` and `serviceAccountKey`; without one, the account that the
    controller's node or workload identity has."""


class DynatraceMetric(Spec):
    """A query of Dynatrace metrics."""

    address: str = ""
    """The URL of the environment, such as `https://abc.live.dynatrace.com`; the Secret's key `address` by
    default, and only there where the Secret is the controller's."""
    query: str
    """The metric selector; it must give one series."""
    interval: str = ""
    """How far back to look; ten times the metric's interval by default, else 10m."""
    secret_ref: SecretRef = SecretRef()
    """The Secret with the keys `dynatrace_token` and `address`; `dynatrace` by default."""


class SplunkMetric(Spec):
    """A SignalFlow program of Splunk Observability Cloud."""

    address: str = ""
    """The URL of the realm, such as `https://api.us1.signalfx.com`; the Secret's key `address` by default,
    and only there where the Secret is the controller's."""
    query: str
    """The program; what it publishes must be one series, whose last value is measured."""
    interval: str = ""
    """How far back to look; ten times the metric's interval by default, else 10m."""
    secret_ref: SecretRef = SecretRef()
    """The Secret with the keys `sf_token_key` and `address`; `splunk` by default."""


class KeptnMetric(Spec):
    """A value that Keptn's metrics operator has, or an analysis that it carries out."""

    query: str
    """`keptnmetric/<namespace>/<name>`, or `analysis/<namespace>/<definition>/<duration>/<key=value;...>`,
    which measures 1 for passed and 0 for not."""


class ExternalMetricsMetric(Spec):
    """A value of the external metrics API of Kubernetes."""

    query: str
    """`<namespace>/<metric>?labelSelector=<selector>`; it must give one series."""
    address: str = ""
    """The URL of another server of that API; the controller's own API server by default."""
    insecure: bool = False
    """Do not verify that other server's certificate; false by default."""
    secret_ref: SecretRef = SecretRef()
    """The Secret of the run's namespace with the key `token` for that other server; none by default."""
