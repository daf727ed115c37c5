"""Secrets that hold a provider's credentials or arguments: read anew for each measurement, and never kept."""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollouts.api.analysis import Argument
from rollouts.api.errors import InvalidSpec, Unavailable
from rollouts.kube.client import Client
from rollouts.kube.errors import NotFound
from rollouts.kube.resources import SECRETS

NAMESPACE_VARIABLE = "POD_NAMESPACE"
"""Where the controller runs, by the downward API."""
CONTROL_NAMESPACE = "rollouts-system"
"""Where it runs if nothing says so."""

_OF_THE_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class SecretMissing(Unavailable):
    """A Secret, or a key of one, is not there; the message names it and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What a Secret holds, for as long as one measurement takes."""

    name: str
    namespace: str
    values: Mapping[str, str] = field(repr=False)

    def require(self, key: str) -> str:
        """The value of a key.

        Raises:
            SecretMissing: there is none, or it is empty.
        """
        if found := self.get(key):
            return found
        raise SecretMissing(
            f'Secret "{self.name}" in namespace "{self.namespace}" has no key "{key}"; add it'
        )

    def get(self, key: str, default: str = "") -> str:
        """The value of a key that need not be there."""
        return self.values.get(key) or default

    def hidden(self) -> tuple[str, ...]:
        """Everything that it holds, so that none of it is shown."""
        return tuple(self.values.values())


def controller_namespace(environ: Mapping[str, str] | None = None) -> str:
    """The namespace whose Secrets are the operator's, as upstream finds it."""
    if found := (os.environ if environ is None else environ).get(NAMESPACE_VARIABLE):
        return found
    try:
        return _OF_THE_POD.read_text(encoding="utf-8").strip() or CONTROL_NAMESPACE
    except OSError:
        return CONTROL_NAMESPACE


async def read(client: Client, name: str, namespace: str) -> Secret:
    """A Secret, as it is now; white space at the ends of a value, which an editor leaves there, is cut off.

    Raises:
        SecretMissing: it is not there, or holds something that is no text.
        RolloutsError: the API server does not answer, or refuses.
    """
    try:
        found = await client.get(SECRETS, name, namespace)
    except NotFound:
        raise SecretMissing(f'Secret "{name}" in namespace "{namespace}" not found; create it') from None
    values: dict[str, str] = {}
    for key, encoded in (found.get("data") or {}).items():
        try:
            values[key] = _text(encoded).strip()
        except ValueError:
            raise SecretMissing(
                f'key "{key}" of Secret "{name}" in namespace "{namespace}" is not text; write it anew'
            ) from None
    return Secret(name=name, namespace=namespace, values=values)


async def values_of(args: Sequence[Argument], client: Client, namespace: str) -> dict[str, str]:
    """The values of the arguments that come from Secrets, to the letter, white space and all.

    Raises:
        InvalidSpec: a Secret or its key is not there, in upstream's words, or holds no text.
        RolloutsError: the API server does not answer, or refuses.
    """
    values: dict[str, str] = {}
    for place, argument in enumerate(args):
        ref = argument.value_from.secret_key_ref if argument.value_from else None
        if ref is None:
            continue
        try:
            found = await client.get(SECRETS, ref.name, namespace)
            values[argument.name] = _text((found.get("data") or {})[ref.key])
        except NotFound:
            raise InvalidSpec("", f'secrets "{ref.name}" not found', ref.name) from None
        except KeyError:
            missing = f"key '{ref.key}' does not exist in secret '{ref.name}'"
            raise InvalidSpec("", missing, ref.key) from None
        except ValueError:
            raise InvalidSpec(
                f".spec.args[{place}].valueFrom.secretKeyRef.key",
                f'key "{ref.key}" of Secret "{ref.name}" is not text; write it anew',
                ref.key,
            ) from None
    return values


def _text(encoded: str) -> str:
    """What a value in the data of a Secret stands for; a ValueError if that is no text."""
    return base64.b64decode(encoded, validate=True).decode()
