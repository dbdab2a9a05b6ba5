"""Maps client addresses to the key that rate limits count by."""

from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

HOME = 64  # bits of an IPv6 address. A client that has one address of a network usually has all of them


def address_of(connection: HTTPConnection) -> str:
    """Return the client's address, or its /64 network for IPv6. Empty on a Unix socket."""
    return network_of(connection.client.host) if connection.client else ""


def network_of(host: str) -> str:
    """Return the address, or for IPv6 its /64 network."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, HOME), strict=False))
