"""Who may do what: whoever got in may do all, and reviews say so."""

from rollouts.api.meta import Object
from rollouts.kube.transport import Request

USER = "rollouts-admin"


def review(path: str, request: Request) -> Object | None:
    """The answer to a review of one's own rights; None for any other path."""
    body = request.body if isinstance(request.body, dict) else {}
    match path:
        case "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
            return {
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "metadata": {},
                "spec": body.get("spec", {}),
                "status": {"allowed": True, "reason": "the embedded server lets its one user do everything"},
            }
        case "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews":
            everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            return {
                "kind": "SelfSubjectRulesReview",
                "apiVersion": "authorization.k8s.io/v1",
                "metadata": {},
                "spec": body.get("spec", {}),
                "status": {
                    "resourceRules": [everything],
                    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                    "incomplete": False,
                },
            }
        case "/apis/authentication.k8s.io/v1/selfsubjectreviews":
            return {
                "kind": "SelfSubjectReview",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {},
                "status": {
                    "userInfo": {"username": USER, "groups": ["system:masters", "system:authenticated"]}
                },
            }
    return None
