"""Lists: selection, order and pages."""

import base64
import binascii
from collections.abc import Mapping

import orjson

from rollouts.api.meta import Object
from rollouts.embedded.api.objects import Objects, view
from rollouts.embedded.api.query import check_list_options, not_a_version
from rollouts.embedded.api.routes import Route
from rollouts.embedded.api.selectors import selector
from rollouts.embedded.api.status import bad_request, future, gone


def list_objects(objects: Objects, route: Route, query: Mapping[str, str]) -> Object:
    """The List that a GET of a collection answers.

    A later page shows the objects as they are by then, under the first page's version: a watch from that
    version tells what happened in between.

    Raises:
        Refusal: 400 for a selector, a limit or a token that cannot be read; 410 for a token or an exact
            version that is too old, 504 for a version of the future.
    """
    kind, storage = route.kind, objects.storage
    predicate = selector(query.get("labelSelector", ""), query.get("fieldSelector", ""), kind)
    found = [obj for obj in storage.list(kind.key, route.namespace) if predicate is None or predicate(obj)]
    found.sort(key=_place)
    version = storage.version
    check_list_options(query)
    _is_fresh(version, query)
    if token := query.get("continue"):
        version, after = _read_token(token)
        storage.since(kind.key, "", version)
        found = [obj for obj in found if _place(obj) > after]
    meta: Object = {"resourceVersion": str(version)}
    limit = _limit(query.get("limit", ""))
    if limit and len(found) > limit:
        meta["continue"] = _token(version, found[limit - 1])
        if predicate is None:
            meta["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    items = [view(kind, obj) for obj in found]
    return {"kind": kind.list_kind, "apiVersion": kind.api_version, "metadata": meta, "items": items}


def _is_fresh(version: int, query: Mapping[str, str]) -> None:
    """A list shows the present: the past is not kept, and the future is not there yet."""
    wanted = query.get("resourceVersion", "")
    if not wanted or query.get("continue"):
        return
    if not wanted.isdigit():
        raise bad_request(f"invalid resource version: {not_a_version(wanted)}")
    if int(wanted) > version:
        raise future(int(wanted), version)
    if query.get("resourceVersionMatch") == "Exact" and int(wanted) != version:
        raise gone(f"The provided resource version is not kept: {wanted}; the current one is {version}")


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _limit(text: str) -> int:
    if not text:
        return 0
    if not text.lstrip("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return max(0, int(text))


def _token(version: int, last: Object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([version, *_place(last)])).decode()


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        version, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        return int(version), (str(namespace), str(name))
    except (ValueError, TypeError, binascii.Error) as error:
        why = "continue key is not valid: take it as the last page gave it"
        raise bad_request(f"invalid continue token: {why}") from error
