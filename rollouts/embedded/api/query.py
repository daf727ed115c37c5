"""What stands in a request's query and headers."""

from collections.abc import Iterator, Mapping

from rollouts.embedded.api.deletion import dry_run_errors
from rollouts.embedded.api.objects import Options
from rollouts.embedded.api.patch import APPLY
from rollouts.embedded.api.status import (
    Cause,
    bad_request,
    forbidden_field,
    invalid,
    required,
    too_long,
    unsupported,
)
from rollouts.embedded.api.watching import WatchOptions
from rollouts.kube.transport import Request


def flag(query: Mapping[str, str], name: str) -> bool:
    """A yes or no, as Go reads it.

    Raises:
        Refusal: neither (400).
    """
    text = query.get(name, "")
    if text.lower() in {"", "0", "false", "f"}:
        return False
    if text.lower() in {"1", "true", "t"}:
        return True
    raise bad_request(f'{name}: "{text}" is neither true nor false')


_LONGEST_MANAGER = 128
_MATCHES = ("Exact", "NotOlderThan", "")
_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}


def _manager(request: Request) -> str:
    """Who writes: the parameter, or the name of the program that asks."""
    if name := request.query.get("fieldManager", ""):
        return name
    return request.headers.get("user-agent", "unknown").partition("/")[0][:_LONGEST_MANAGER] or "unknown"


def write_options(request: Request, warnings: list[str]) -> Options:
    """What a write asks for besides its body.

    Raises:
        Refusal: a parameter that is none (422).
    """
    if request.method not in _OPTIONS:
        return Options()
    causes = list(_option_errors(request))
    if causes:
        raise invalid(_OPTIONS[request.method], "meta.k8s.io", "", causes)
    return Options(
        dry_run=bool(request.query.get("dryRun")),
        field_validation=request.query.get("fieldValidation") or "Warn",
        manager=_manager(request),
        warnings=warnings,
        patched=request.method == "PATCH",
    )


def _option_errors(request: Request) -> Iterator[Cause]:
    query, is_apply = request.query, content_type(request) == APPLY
    yield from dry_run_errors([query["dryRun"]] if query.get("dryRun") else [])
    choices = ("", "Ignore", "Strict", "Warn")
    if (validation := query.get("fieldValidation", "")) not in choices:
        yield unsupported("fieldValidation", validation, choices)
    if len(query.get("fieldManager", "")) > _LONGEST_MANAGER:
        yield too_long("fieldManager", _LONGEST_MANAGER)
    if request.method == "PATCH" and is_apply and not query.get("fieldManager"):
        yield required("fieldManager", "is required for apply patch")
    if request.method == "PATCH" and not is_apply and flag(query, "force"):
        yield forbidden_field("force", "may not be specified for non-apply patch")


def content_type(request: Request) -> str:
    """What the body says it is, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip()


def not_a_version(text: str) -> str:
    """What is said of a resourceVersion that is none."""
    return f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'


def check_list_options(query: Mapping[str, str], *, watch: bool = False) -> None:
    """Check the parameters of a list or a watch against each other.

    Raises:
        Refusal: they do not go together (400, 422).
    """
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    if query.get("continue") and version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    causes = list(_watch_errors(query, match) if watch else _list_errors(query, version, match))
    if causes:
        raise invalid("ListOptions", "meta.k8s.io", "", causes)


def _list_errors(query: Mapping[str, str], version: str, match: str) -> Iterator[Cause]:
    if "sendInitialEvents" in query:
        yield forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list")
    if not match:
        return
    here = "resourceVersionMatch"
    if not version:
        yield forbidden_field(here, f"{here} is forbidden unless resourceVersion is provided")
    if query.get("continue"):
        yield forbidden_field(here, f"{here} is forbidden when continue is provided")
    if match not in _MATCHES:
        yield unsupported(here, match, _MATCHES)
    elif match == "Exact" and version == "0":
        yield forbidden_field(here, f'{here} "exact" is forbidden for resourceVersion "0"')


def _watch_errors(query: Mapping[str, str], match: str) -> Iterator[Cause]:
    here = "resourceVersionMatch"
    if "sendInitialEvents" not in query:
        if match:
            yield forbidden_field(here, f"{here} is forbidden for watch unless sendInitialEvents is provided")
    elif match != "NotOlderThan":
        yield forbidden_field(here, f"sendInitialEvents requires setting {here} to NotOlderThan")


def watch_options(query: Mapping[str, str], namespace: str = "") -> WatchOptions:
    """What a watch asks for.

    Raises:
        Refusal: a parameter that cannot be read (400), or does not go with another (422).
    """
    check_list_options(query, watch=True)
    timeout = query.get("timeoutSeconds", "")
    if timeout and not timeout.isdigit():
        raise bad_request(f'timeoutSeconds: "{timeout}" is no number of seconds')
    return WatchOptions(
        namespace=namespace,
        version=query.get("resourceVersion", ""),
        initial=flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
        bookmarks=flag(query, "allowWatchBookmarks"),
        timeout=float(timeout) if timeout and timeout != "0" else None,
    )
