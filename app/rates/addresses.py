"""Whom an address stands for, as far as limits are concerned."""

from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

HOME = 64  # bits of an IPv6 address; who has one address has all that begin like it


def address_of(connection: HTTPConnection) -> str:
    """The client's address, or its network where one client has many addresses; empty on a Unix socket."""
    return network_of(connection.client.host) if connection.client else ""


def network_of(host: str) -> str:
    """What counts as one client among addresses like this one."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, HOME), strict=False))
