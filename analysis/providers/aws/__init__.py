"""Requests to AWS: whose credentials, and the signature.

Our own few lines, because boto3 would be by far the largest dependency, for one request and a signature.
"""
