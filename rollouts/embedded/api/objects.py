"""Writes, as the API server does them: conform, isolate, check, number, store.

An object that comes in belongs to the store from then on; one that goes out is shared and must not be
changed.
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from rollouts.api.meta import Object, format_time
from rollouts.embedded.api import managers
from rollouts.embedded.api.allocation import Addresses
from rollouts.embedded.api.conform import conform
from rollouts.embedded.api.isolation import Part, finalizers_only_leave, identify, is_for, isolate
from rollouts.embedded.api.kinds import Kind, Registry
from rollouts.embedded.api.rules import transition_errors
from rollouts.embedded.api.status import Cause, Refusal, already_exists, failed, invalid, not_found
from rollouts.embedded.api.storage import Storage

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(slots=True, kw_only=True)
class Options:
    """What a write asks for besides its body."""

    dry_run: bool = False
    field_validation: str = "Warn"
    manager: str = "unknown"
    warnings: list[str] = field(default_factory=list)
    """What the server has to say although it accepts."""
    applied: bool = False
    """The object comes from a server-side apply and carries its managedFields."""
    patched: bool = False
    """The object is what a patch made of the stored one."""


def copy(obj: Object) -> Object:
    """A deep copy of a JSON object."""
    duplicate: Object = orjson.loads(orjson.dumps(obj))
    return duplicate


def view(kind: Kind, obj: Object) -> Object:
    """An object as one of its kind's versions shows it."""
    return obj if obj.get("apiVersion") == kind.api_version else {**obj, "apiVersion": kind.api_version}


class Objects:
    """The objects of a cluster and the rules for changing them."""

    def __init__(
        self,
        registry: Registry,
        clock: Callable[[], datetime],
        seed: int | None = None,
        first_version: int = 1,
    ) -> None:
        self.storage = Storage(first_version)
        self.registry = registry
        self.clock = clock
        self.addresses = Addresses()
        self._random = random.Random(seed)  # noqa: S311 - names and uids, no secrets
        self.before_write: list[Callable[[Kind, Object], None]] = []
        """Called with what is about to be stored; they may refuse or change it."""
        self.settle: Callable[[], None] = lambda: None
        """What follows from a write (garbage, namespaces, definitions) is done here, after it."""

    def now(self) -> str:
        """The time as objects carry it."""
        return format_time(self.clock())

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Read one object.

        Raises:
            Refusal: 404.
        """
        obj = self.storage.get(kind.key, namespace, name)
        if obj is None:
            raise not_found(kind.plural, kind.group, name)
        return view(kind, obj)

    def create(self, kind: Kind, namespace: str, body: Object, options: Options) -> Object:
        """Store a new object.

        Raises:
            Refusal: 400, 403, 404 (its namespace), 409 or 422.
        """
        meta = identify(kind, namespace, body)
        if meta.get("resourceVersion") not in (None, "", "0") and not options.dry_run:
            raise failed("resourceVersion should not be set on objects to be created")
        self._begin(kind, body, options)
        self._namespace_is_open(kind, namespace, str(meta.get("name", "")))
        obj = conform(kind, body, None, options)
        name = obj["metadata"]["name"]
        if self.storage.get(kind.key, namespace, name) is not None:
            raise already_exists(kind.plural, kind.group, name)
        self._last_look(kind, obj, options)
        me = managers.writer(kind, options.manager, "", self.now())
        if not options.applied and managers.is_followed(obj, me):
            managers.created(kind, obj, me)
        if not options.dry_run:
            self.storage.put(kind.key, obj)
            self.settle()
        return obj

    def _begin(self, kind: Kind, body: Object, options: Options) -> None:
        """Give an object its identity, and take what only the server may set."""
        meta = body["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"][:58] + "".join(self._random.choices(_SUFFIX, k=5))
        if kind.status:
            body.pop("status", None)
        for own in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            meta.pop(own, None)
        if not options.applied:
            meta.pop("managedFields", None)
        meta["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        meta["creationTimestamp"] = self.now()
        if kind.generation:
            meta["generation"] = 1

    def replace(self, kind: Kind, old: Object, new: Object, options: Options, part: Part = "") -> Object:
        """Store a new state of an object, or leave all as it is when nothing differs.

        Raises:
            Refusal: 400, 409 or 422.
        """
        before = old["metadata"]
        by_patch = options.patched
        meta = identify(kind, before.get("namespace", ""), new, by_patch=by_patch)
        is_for(kind, meta, before, by_patch=by_patch)
        old = view(kind, old)
        new = isolate(kind, old, new, part, owners_too=options.applied)
        new = conform(kind, new, old, options)
        finalizers_only_leave(kind, new, old)
        causes = list(transition_errors(kind, new, old))
        if causes:
            raise invalid(kind.kind, kind.group, before["name"], causes)
        self._last_look(kind, new, options)
        if kind.generation and _spec(kind, new) != _spec(kind, old):
            new["metadata"]["generation"] = before.get("generation", 0) + 1
        me = managers.writer(kind, options.manager, part, self.now())
        if not options.applied and managers.is_followed(old, me):
            managers.updated(kind, old, new, me)
        if new == old:
            return old
        if options.dry_run:
            return new
        if _is_released(new):
            # Nobody sees the last write: what is told is that the object went.
            new = self.storage.remove(kind.key, new)
        else:
            self.storage.put(kind.key, new)
        self.settle()
        return new

    def _last_look(self, kind: Kind, obj: Object, options: Options) -> None:
        for check in self.before_write:
            check(kind, obj)
        if kind.key == ("", "services"):
            self.addresses.allocate(obj, reserve=not options.dry_run)

    def _namespace_is_open(self, kind: Kind, namespace: str, name: str) -> None:
        """A namespaced object needs a namespace that is there and stays."""
        if not kind.namespaced:
            return
        found = self.storage.get(("", "namespaces"), "", namespace)
        if found is None:
            raise not_found("namespaces", "", namespace)
        if found["metadata"].get("deletionTimestamp"):
            raise _terminating(kind, namespace, name)


def _terminating(kind: Kind, namespace: str, name: str) -> Refusal:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    qualified = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    message = f'{qualified} "{name}" is forbidden: {why}'
    return Refusal(403, "Forbidden", message, name=name, group=kind.group, kind=kind.plural, causes=[cause])


def _spec(kind: Kind, obj: Object) -> Object:
    """What metadata.generation counts the changes of."""
    if kind.custom:
        aside = {"metadata", "status", "apiVersion", "kind"}
        return {key: value for key, value in obj.items() if key not in aside}
    return {"spec": obj.get("spec")}


def _is_released(obj: Object) -> bool:
    """Whether nothing holds back an object that is being deleted."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return not (obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers"))
