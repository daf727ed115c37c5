"""Small objects that the cases begin with."""


def config_map(name="cm", labels=None, **data):
    """A ConfigMap."""
    meta = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def widget(cluster, name="w", **spec):
    """An object of the custom kind."""
    body = {"apiVersion": cluster.widgets.api_version, "kind": "Widget", "metadata": {"name": name}}
    return {**body, "spec": {"color": "red", **spec}}


def workload(kind="Deployment", **spec):
    """A Deployment or the like, of no pods."""
    containers = [{"name": "main", "image": "web:1"}]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


def owned_by(owner, body, *, block=False):
    """The same, as a dependant of another."""
    reference = {key: owner["metadata"][key] for key in ("name", "uid")}
    reference |= {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "blockOwnerDeletion": block}
    return {**body, "metadata": {**body["metadata"], "ownerReferences": [reference]}}
