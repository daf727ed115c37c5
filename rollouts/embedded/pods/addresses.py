"""Addresses for pods on this machine.

Linux answers on all of 127.0.0.0/8: each pod gets an address of its own, and its containers listen on their
own ports. Elsewhere there is but 127.0.0.1, and each container port gets a free port of the machine.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from rollouts.api.errors import Unavailable
from rollouts.embedded.pods.runner import Address

_TRIES = 4096


def has_many_addresses() -> bool:
    """Whether addresses besides 127.0.0.1 can be used without any set-up."""
    try:
        return _may_listen("127.77.0.1", 0)
    except OSError:
        return False


class Addresses:
    """Gives out addresses that nobody listens on.

    Args:
        many: whether pods get addresses of their own; by default where there are any.
        network: the first two numbers of them, such as `10.244`; by default of loopback's.
    """

    def __init__(self, *, many: bool | None = None, network: str = "") -> None:
        self._many = has_many_addresses() if many is None else many
        # Clusters side by side begin in different places; that they keep apart is checked by binding.
        self._network = network or f"127.{64 + os.getpid() % 128}"
        self._next = 0
        self._taken: set[str] = set()
        self._ports: set[int] = set()

    def take(self, ports: Sequence[int]) -> Address:
        """An address on which all of `ports` are free.

        A port that this user may not listen on (below 1024, without the privilege) gets another number.

        Raises:
            Unavailable: none was found.
        """
        if not self._many:
            return self._map("127.0.0.1", ports)
        for _ in range(_TRIES):
            self._next = self._next % 65_000 + 1
            ip = f"{self._network}.{self._next // 250}.{self._next % 250 + 1}"
            if ip in self._taken:
                continue
            try:
                denied = [port for port in ports if not _may_listen(ip, port)]
            except OSError:
                continue  # somebody else listens there
            self._taken.add(ip)
            return self._map(ip, denied)
        raise Unavailable(f"no loopback address has the ports {list(ports)} free")

    def give_back(self, address: Address) -> None:
        """Let the address be used again."""
        self._taken.discard(address.ip)
        self._ports.difference_update(address.ports.values())

    def _map(self, ip: str, ports: Sequence[int]) -> Address:
        mapped = dict(zip(ports, self._free_ports(ip, len(ports)), strict=True))
        self._ports.update(mapped.values())
        return Address(ip=ip, ports=mapped)

    def _free_ports(self, ip: str, count: int) -> Iterator[int]:
        # All are held until the last is found, or the kernel might name one twice.
        with ExitStack() as stack:
            while count:
                held = stack.enter_context(socket.socket())
                held.bind((ip, 0))
                port = int(held.getsockname()[1])
                if port not in self._ports:
                    count -= 1
                    yield port


def _may_listen(ip: str, port: int) -> bool:
    """Whether this user may listen there. Raises OSError where somebody does already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except PermissionError:
            return False
    return True
