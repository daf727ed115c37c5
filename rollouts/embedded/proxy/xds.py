"""What the proxy is to do, in Envoy's words (messages as JSON). Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rollouts.embedded.proxy.model import Endpoint, HeaderEdits, Match, Pattern, Route, VirtualHost

ROUTES = "ingress"
"""The name of the only route configuration."""

_TIMEOUT = {"seconds": 60}
"""For a whole answer, as nginx's proxy_read_timeout."""

_MANY = {"value": 100_000}

_PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"

_RETRY: Mapping[str, Any] = {
    # A pod that is gone a moment before its endpoint is: another one answers. Only what may be sent twice.
    "retry_on": "connect-failure,refused-stream,reset",
    "num_retries": {"value": 2},
    "retry_host_predicate": [
        {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"type_url": _PREVIOUS_HOSTS}}
    ],
    "host_selection_retry_max_attempts": 5,
    "retry_back_off": {"base_interval": {"nanos": 5_000_000}, "max_interval": {"nanos": 50_000_000}},
    "retriable_request_headers": [
        {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD|OPTIONS|TRACE|PUT|DELETE"}}}
    ],
}


def cluster(name: str) -> dict[str, Any]:
    """A cluster; always the same for a name, because a cluster that changes loses its counters."""
    return {
        "name": name,
        "type": 3,  # EDS
        "eds_cluster_config": {"eds_config": {"ads": {}, "resource_api_version": 2}},
        "connect_timeout": {"seconds": 1},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": _MANY,
                    "max_pending_requests": _MANY,
                    "max_requests": _MANY,
                    "max_retries": _MANY,  # the default of 3 would refuse most retries when a pod is killed
                }
            ]
        },
    }


def load_assignment(name: str, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The endpoints of a cluster."""
    addresses = [{"address": e.ip, "port_value": e.port} for e in endpoints]
    members = [{"endpoint": {"address": {"socket_address": address}}} for address in addresses]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": members}] if members else []}


def route_configuration(hosts: Iterable[VirtualHost]) -> dict[str, Any]:
    """All routes."""
    return {
        "name": ROUTES,
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [
            {
                "name": host.domain,
                "domains": [host.domain],
                "routes": [_route(route) for route in host.routes],
                "retry_policy": _RETRY,
            }
            for host in hosts
        ],
    }


def _route(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {"match": _match(route.match)}
    if route.failure:
        return {**made, "direct_response": {"status": route.failure}}
    action: dict[str, Any] = {"timeout": _TIMEOUT, "upgrade_configs": [{"upgrade_type": "websocket"}]}
    weighted = [backend for backend in route.backends if backend.weight]
    if len(weighted) == 1:
        action["cluster"] = weighted[0].cluster
    else:
        clusters = [{"name": b.cluster, "weight": {"value": b.weight}} for b in weighted]
        action["weighted_clusters"] = {"clusters": clusters}
    if route.mirrors:
        action["request_mirror_policies"] = [{"cluster": name} for name in route.mirrors]
    return {
        **made,
        "route": action,
        "request_headers_to_add": _headers(route.request),
        "request_headers_to_remove": list(route.request.remove),
        "response_headers_to_add": _headers(route.response),
        "response_headers_to_remove": list(route.response.remove),
    }


def _headers(edits: HeaderEdits) -> list[dict[str, Any]]:
    append, overwrite = 0, 2
    return [
        # A percent sign begins one of Envoy's own variables unless it is doubled.
        {"header": {"key": key, "value": value.replace("%", "%%")}, "append_action": action}
        for pairs, action in ((edits.add, append), (edits.set, overwrite))
        for key, value in pairs
    ]


def _match(match: Match) -> dict[str, Any]:
    value = match.path.value
    paths: dict[str, dict[str, Any]] = {
        "exact": {"path": value},
        "prefix": {"prefix": value},
        "segments": {"path_separated_prefix": value},
        "regex": {"safe_regex": {"regex": value}},
    }
    headers = [_named(pattern) for pattern in match.headers]
    if match.method:
        headers.append(_named(Pattern(":method", match.method)))
    return {
        **paths[match.path.kind],
        "headers": headers,
        "cookies": [_named(pattern) for pattern in match.cookies],
        "query_parameters": [_named(pattern) for pattern in match.query],
    }


def _named(pattern: Pattern) -> dict[str, Any]:
    matcher = {"safe_regex": {"regex": pattern.value}} if pattern.regex else {"exact": pattern.value}
    return {"name": pattern.name, "string_match": matcher}


_BUCKETS = (
    0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 250, 300, 400, 500,
    750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000, 30_000, 60_000,
)  # fmt: skip
"""Latency histogram, ms."""


def bootstrap(*, ads_path: str, admin_path: str, port: int) -> str:
    """What Envoy starts with: where to ask, and one listener on loopback. Port 0 lets the kernel choose."""
    v3 = {"resource_api_version": "V3", "ads": {}}
    filters_of = "type.googleapis.com/envoy.extensions.filters"
    type_ = f"{filters_of}.network.http_connection_manager.v3.HttpConnectionManager"
    router = f"{filters_of}.http.router.v3.Router"
    http = {
        "@type": type_,
        "stat_prefix": "ingress",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "normalize_path": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "rds": {"config_source": v3, "route_config_name": ROUTES},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": router, "suppress_envoy_headers": True},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}]
    listener = {
        "name": "http",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": filters}],
    }
    return json.dumps(
        {
            "node": {"id": "rollouts", "cluster": "rollouts"},
            "admin": {"address": {"pipe": {"path": admin_path, "mode": 0o600}}},
            "dynamic_resources": {
                "cds_config": v3,
                "ads_config": {
                    "api_type": "GRPC",
                    "transport_api_version": "V3",
                    "grpc_services": [{"envoy_grpc": {"cluster_name": "ads"}}],
                },
            },
            "static_resources": {"listeners": [listener], "clusters": [_ads_cluster(ads_path)]},
            "stats_flush_interval": "0.25s",
            "stats_config": {
                "histogram_bucket_settings": [
                    {"match": {"suffix": "upstream_rq_time"}, "buckets": list(_BUCKETS)}
                ]
            },
        }
    )


def _ads_cluster(path: str) -> dict[str, Any]:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    endpoint = {"endpoint": {"address": {"pipe": {"path": path}}}}
    return {
        "name": "ads",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {"cluster_name": "ads", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
