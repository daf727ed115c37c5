"""`provider.traffic`: what the traffic router itself counted for a Service. No query is needed."""

from analysis.providers.traffic.provider import TrafficProvider

__all__ = ["TrafficProvider"]
