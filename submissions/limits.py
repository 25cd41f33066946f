"""How much a server takes from one client, and at once."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a server grants; a proxy in front may grant less."""

    burst: int = 30
    """Requests that change something which one client may send at once ..."""
    seconds: float = 10.0
    """... and how long it then waits for each further one."""
    uploads: int = 64
    """Bodies that are read, or wait for the gate, at once."""
    gates: int = 2
    """Gates that run at once."""
    upload_seconds: float = 60.0
    """How long one body may take to come."""
    clients: int = 10_000
    """Clients that are remembered; those longest away are forgotten first."""


class Buckets:
    """A bucket of tokens for each client; used from one thread."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.clock = limits, clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take a token; 0, or the seconds until there is one again.

        >>> buckets = Buckets(Limits(burst=2, seconds=10), clock=lambda: 0.0)
        >>> [buckets.wait("a"), buckets.wait("a"), buckets.wait("a"), buckets.wait("b")]
        [0.0, 0.0, 10.0, 0.0]
        """
        now = self.clock()
        full_at = max(now, self._full_at.pop(client, now)) + self.limits.seconds
        late = full_at - now - self.limits.burst * self.limits.seconds
        self._full_at[client] = full_at if late <= 0 else full_at - self.limits.seconds
        if len(self._full_at) > self.limits.clients:
            self._full_at.popitem(last=False)
        return max(0.0, late)


def client_of(host: str | None) -> str:
    """Who is counted as one: an IPv4 address, or the network of an IPv6 address.

    >>> client_of("2001:db8:1:2:3:4:5:6"), client_of("192.0.2.7"), client_of(None)
    ('2001:db8:1:2::/64', '192.0.2.7', 'unknown')
    """
    import ipaddress

    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
