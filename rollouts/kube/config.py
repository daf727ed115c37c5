"""Where the API server is and how to log in to it: kubeconfig files and the pod's own account.

The `kubernetes` package reads both, runs exec plugins and refreshes OIDC tokens. It is imported on first use,
because importing it takes longer than a whole `rollouts --help`.
"""

import asyncio
import importlib
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from rollouts.api.errors import RolloutsError


class Credentials(Protocol):
    """The value of the Authorization header; empty for none (client certificates)."""

    async def __call__(self, *, refused: str = "") -> str:
        """Return a credential other than `refused`, which the server has just refused, if there is one."""
        ...


_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

_REFRESH = 60.0
"""Seconds for which a credential is used before its source is asked again, unless it is refused."""
_REFUSED = 1.0
"""Seconds between two askings of the source because of refusals."""

_UNREADABLE = (OSError, ValueError, TypeError, KeyError, yaml.YAMLError)
"""What the loaders raise besides their own exception, on files that are not as they should be."""

_log = logging.getLogger(__name__)


class ConfigError(RolloutsError):
    """There is no usable kubeconfig, and this is not a pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An API server and how to speak to it."""

    server: str
    tls: ssl.SSLContext | None
    server_name: str | None
    proxy: str | None
    credentials: Credentials
    namespace: str
    """The context's default namespace."""
    in_cluster: bool


async def load(kubeconfig: str | Path | None = None, context: str | None = None) -> Endpoint:
    """Choose as kubectl does: the named file, else $KUBECONFIG, else ~/.kube/config, else the pod's account.

    Raises:
        ConfigError: nothing usable is there; the message says what was tried.
    """
    named = str(kubeconfig or "") or os.environ.get("KUBECONFIG") or ""
    path = named or str(Path("~/.kube/config").expanduser())
    if not named and not Path(path).exists() and "KUBERNETES_SERVICE_HOST" in os.environ:
        return _from_pod()
    if not any(Path(part).expanduser().is_file() for part in path.split(os.pathsep) if part):
        raise ConfigError(
            f"no kubeconfig: {path} does not exist, and this is not a pod; "
            "give --kubeconfig, set KUBECONFIG, or start `rollouts cluster up`"
        )
    return await _from_file(path, context)


async def _from_file(path: str, context: str | None) -> Endpoint:
    loaders, configuration = _kubernetes()
    try:
        loader = await loaders.load_kube_config(
            config_file=path, context=context, client_configuration=configuration, persist_config=False
        )
        tls = _tls(configuration)
    except (loaders.ConfigException, *_UNREADABLE) as error:
        raise ConfigError(f"kubeconfig {path}: {error}") from error
    if _plugin_failed(loader, configuration):
        raise ConfigError(
            f"kubeconfig {path}: the exec plugin of the user gave no credentials; run it by hand to see why"
        )

    async def load_again(*, refused: bool) -> None:
        if refused and hasattr(loader, "exec_plugin_expiry"):
            del loader.exec_plugin_expiry  # what the plugin said of its token is not so
        await loader.load_and_set(configuration)

    return Endpoint(
        server=str(configuration.host),
        tls=tls,
        server_name=configuration.tls_server_name or None,
        proxy=configuration.proxy or None,
        credentials=_Renewed(configuration, load_again, f"kubeconfig {path}"),
        namespace=loader.current_context["context"].get("namespace") or "default",
        in_cluster=False,
    )


def _from_pod() -> Endpoint:
    loaders, configuration = _kubernetes()
    try:
        loaders.load_incluster_config(client_configuration=configuration)
        tls = _tls(configuration)
        namespace = _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except (loaders.ConfigException, *_UNREADABLE) as error:
        raise ConfigError(f"the pod's service account: {error}") from error

    async def load_again(*, refused: bool) -> None:
        loaders.load_incluster_config(client_configuration=configuration)

    return Endpoint(
        server=str(configuration.host),
        tls=tls,
        server_name=None,
        proxy=None,
        credentials=_Renewed(configuration, load_again, "the pod's service account"),
        namespace=namespace,
        in_cluster=True,
    )


class _Renewed:
    """Asks the source of a credential again once a minute, and as soon as the server refuses what it gave."""

    def __init__(self, configuration: Any, load_again: Callable[..., Awaitable[None]], source: str) -> None:
        self._configuration = configuration
        self._load_again = load_again
        self._source = source
        self._asked = _now()
        self._asking = asyncio.Lock()
        self._said = ""

    async def __call__(self, *, refused: str = "") -> str:
        if _now() >= self._asked + _REFRESH:
            self._asked = _now()  # first, so that concurrent requests do not all run the plugin
            await self._ask(refused=False)
        if refused:
            async with self._asking:  # whoever comes meanwhile takes what this one finds
                if _authorization(self._configuration) == refused and _now() >= self._asked + _REFUSED:
                    self._asked = _now()
                    await self._ask(refused=True)
        return _authorization(self._configuration)

    async def _ask(self, *, refused: bool) -> None:
        loaders, _ = _kubernetes()
        try:
            await self._load_again(refused=refused)
            self._said = ""
        except (loaders.ConfigException, *_UNREADABLE) as error:
            log = _log.debug if str(error) == self._said else _log.warning
            log("credentials not read again: %s: %s", self._source, error)
            self._said = str(error)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _kubernetes() -> tuple[Any, Any]:
    """The package's asynchronous loaders, and an empty configuration for them to fill."""
    loaders = importlib.import_module("kubernetes.aio.config")
    client = importlib.import_module("kubernetes.aio.client.configuration")
    return loaders, client.Configuration()


def _plugin_failed(loader: Any, configuration: Any) -> bool:
    """Whether there is an exec plugin, which the package only logs the failure of, and nothing came of it."""
    user = loader._user  # noqa: SLF001 - it has no public name
    has_plugin = bool(user) and "exec" in user
    return has_plugin and not _authorization(configuration) and not configuration.cert_file


def _authorization(configuration: Any) -> str:
    return str(configuration.api_key.get("BearerToken", "")).strip()


def _tls(configuration: Any) -> ssl.SSLContext | None:
    if not str(configuration.host).startswith("https"):
        return None
    tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, configuration.key_file or None)
    if not configuration.verify_ssl:  # insecure-skip-tls-verify, which the user wrote
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls
