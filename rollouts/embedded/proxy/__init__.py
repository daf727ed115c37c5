"""The ingress of the embedded cluster: Ingress and HTTPRoute objects, obeyed by a real Envoy."""
