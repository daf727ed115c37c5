"""The server of a provider and the credentials for it, which belong together.

The Secrets of the controller's namespace are the operator's, and a metric is written by whoever may make an
AnalysisRun: were its address taken for such a Secret, the operator's token could be sent anywhere. So that
address stands in the Secret itself; one in the metric goes with a Secret of the run's own namespace.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.providers.oneshot import Failed
from analysis.providers.secrets import Secret, controller_namespace, read
from rollouts.api.analysis import AnalysisRun
from rollouts.api.secret_ref import SecretRef
from rollouts.kube.client import Client

ADDRESS = "address"
"""The key of the Secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where to ask, and with what."""

    address: str
    """Without a slash at the end."""
    secret: Secret


async def account(
    client: Client,
    run: AnalysisRun,
    ref: SecretRef,
    address: str,
    *,
    default: str = "",
    environ: Mapping[str, str] | None = None,
) -> Account:
    """Read the Secret of a metric.

    Args:
        client: To read with.
        run: Whose namespace `ref.namespaced` means.
        ref: Which Secret.
        address: What the metric says, if anything.
        default: The name of the Secret, unless `ref` has one.
        environ: Where the controller's namespace is looked up.

    Raises:
        SecretMissing: the Secret or its address is not there.
        Failed: the metric has another address than the operator's Secret is for.
        RolloutsError: the API server does not answer, or refuses.
    """
    namespace = run.metadata.namespace if ref.namespaced else controller_namespace(environ)
    secret = await read(client, ref.name or default, namespace)
    if ref.namespaced and address:
        return Account(address=address.rstrip("/"), secret=secret)
    found = secret.require(ADDRESS).rstrip("/")
    if address and address.rstrip("/") != found:
        raise Failed(
            f'Secret "{secret.name}" in namespace "{secret.namespace}" is for another address than the '
            "metric has; leave address out, or set secretRef.namespaced and use a Secret beside the run"
        )
    return Account(address=found, secret=secret)
