"""What the rollout is and how far it is, above the tree."""

from rollouts.cli.tree.family import Family, pod_hash
from rollouts.cli.tree.icons import state
from rollouts.client.rollout_view import RolloutView


def header(family: Family) -> str:
    """Name, phase, strategy, step, weights, images and replicas."""
    rollout = family.rollout
    lines = [("Name:", rollout.name), ("Namespace:", rollout.namespace), ("Status:", state(rollout.phase))]
    if rollout.message:
        lines.append(("Message:", rollout.message))
    lines.append(("Strategy:", rollout.strategy or "none"))
    if rollout.step is not None:
        lines.append(("  Step:", f"{rollout.step}/{len(rollout.steps)}"))
        lines.append(("  SetWeight:", str(set_weight(rollout))))
        lines.append(("  ActualWeight:", str(actual_weight(family))))
        beside = ((rollout.status.get("canary") or {}).get("weights") or {}).get("additional") or ()
        lines += [("  Additional:", f"{each['weight']} to {each.get('serviceName', '')}") for each in beside]
    images = _images(family) or ["none"]
    lines.append(("Images:", images[0]))
    lines += [("", image) for image in images[1:]]
    status = rollout.status
    lines.append(("Replicas:", ""))
    lines.append(("  Desired:", str(rollout.spec.get("replicas", 1))))
    lines.append(("  Current:", str(status.get("replicas", 0))))
    lines.append(("  Updated:", str(status.get("updatedReplicas", 0))))
    lines.append(("  Ready:", str(status.get("readyReplicas", 0))))
    lines.append(("  Available:", str(status.get("availableReplicas", 0))))
    return "\n".join(f"{key:<17}{value}".rstrip() for key, value in lines)


def set_weight(rollout: RolloutView) -> int:
    """The weight that the steps so far ask for: the last setWeight up to the current step."""
    traffic = (rollout.canary or {}).get("trafficRouting") or {}
    everything = int(traffic.get("maxTrafficWeight") or 100)
    if rollout.aborted or rollout.step is None:
        return 0
    if rollout.step >= len(rollout.steps):
        return everything
    asked = [s["setWeight"] for s in rollout.steps[: rollout.step + 1] if s.get("setWeight") is not None]
    return int(asked[-1]) if asked else 0


def actual_weight(family: Family) -> int:
    """The canary's share: what the router carries, else its share of the available pods, in percent."""
    rollout = family.rollout
    if rollout.promoted:
        return 100 if rollout.weight is None else max(rollout.weight, set_weight(rollout))
    if rollout.weight is not None:
        return rollout.weight
    newest = str(rollout.status.get("currentPodHash", ""))
    available = {
        pod_hash(rs): (rs.get("status") or {}).get("availableReplicas", 0) for rs in family.replica_sets
    }
    total = sum(available.values())
    return 100 * int(available.get(newest, 0)) // total if total else 0


def _images(family: Family) -> list[str]:
    """Each image in use, with the roles it plays."""
    roles: dict[str, list[str]] = {}
    for replica_set in (*family.replica_sets, *family.baselines):
        playing = family.roles(replica_set)
        if not playing and not replica_set["spec"].get("replicas"):
            continue
        for container in replica_set["spec"]["template"].get("spec", {}).get("containers", ()):
            known = roles.setdefault(container.get("image", ""), [])
            known += [role for role in playing if role not in known]
    return [
        f"{image} ({', '.join(playing)})" if playing else image for image, playing in sorted(roles.items())
    ]
