"""The controllers that every cluster has: ReplicaSet, Deployment, Job and EndpointSlice, kept small.

Each is a pure planner with a dull shell around it, and works in real and in virtual time.
"""
