"""Cluster addresses and node ports of services: unique, and data only."""

from ipaddress import IPv4Address, IPv4Network, ip_address

from rollouts.api.meta import Object
from rollouts.embedded.api.status import invalid, wrong

SERVICE_NETWORK = IPv4Network("10.96.0.0/12")
NODE_PORTS = range(30000, 32768)


class Addresses:
    """Which addresses and node ports are taken, and by which service."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._ports: dict[int, str] = {}
        self._last = int(SERVICE_NETWORK.network_address) + 9
        """The first ten addresses are kept for the cluster's own services."""

    def allocate(self, service: Object, *, reserve: bool = True) -> None:
        """Give a service the addresses it lacks.

        Raises:
            Refusal: it asks for an address outside the network, or for one that is taken (422).
        """
        spec, uid = service["spec"], service["metadata"]["uid"]
        if spec["type"] == "ExternalName" or spec.get("clusterIP") == "None":
            if spec.get("clusterIP") == "None":
                spec["clusterIPs"] = ["None"]
            return
        address = spec.get("clusterIP") or self._free_address()
        self._check(service, address)
        spec["clusterIP"], spec["clusterIPs"] = address, [address]
        if reserve:
            self._addresses[address] = uid
        if spec["type"] in {"NodePort", "LoadBalancer"}:
            self._node_ports(service, reserve)

    def release(self, service: Object) -> None:
        """Take back what a deleted service had."""
        uid = service["metadata"]["uid"]
        self._addresses = {address: owner for address, owner in self._addresses.items() if owner != uid}
        self._ports = {port: owner for port, owner in self._ports.items() if owner != uid}

    def _free_address(self) -> str:
        self._last += 1
        while str(IPv4Address(self._last)) in self._addresses:
            self._last += 1
        return str(IPv4Address(self._last))

    def _check(self, service: Object, address: str) -> None:
        meta = service["metadata"]
        owner = self._addresses.get(address, meta["uid"])
        try:
            inside = ip_address(address) in SERVICE_NETWORK
        except ValueError:
            inside = False
        if not inside:
            why = f"failed to allocate IP {address}: it is not in the valid range {SERVICE_NETWORK}"
        elif owner != meta["uid"]:
            why = f"failed to allocate IP {address}: provided IP is already allocated"
        else:
            return
        raise invalid("Service", "", meta["name"], [wrong("spec.clusterIPs", [address], why)])

    def _node_ports(self, service: Object, reserve: bool) -> None:
        uid = service["metadata"]["uid"]
        for index, port in enumerate(service["spec"].get("ports") or ()):
            number = port.get("nodePort")
            if number is None:
                number = next(n for n in NODE_PORTS if n not in self._ports)
                port["nodePort"] = number
            if number not in NODE_PORTS:
                why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            elif self._ports.get(number, uid) != uid:
                why = "provided port is already allocated"
            else:
                if reserve:
                    self._ports[number] = uid
                continue
            cause = wrong(f"spec.ports[{index}].nodePort", number, why)
            raise invalid("Service", "", service["metadata"]["name"], [cause])
