"""Where a provider finds its credentials."""

from rollouts.api.meta import Spec


class SecretRef(Spec):
    """The Secret that holds a provider's credentials."""

    name: str = ""
    """The name of the Secret."""
    namespaced: bool = False
    """Look in the namespace of the run instead of the controller's."""
