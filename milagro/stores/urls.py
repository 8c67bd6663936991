"""The addresses of servers: complete, with nothing secret in them, and without TLS only on this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def url_fault(value: str) -> str | None:
    """What is wrong with `value` as the address of a server, or None."""
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        return f"is {value!r}, which is not a URL"
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        return f"is {value!r}; it must be like https://name.example:443"
    if url.path.rstrip("/") or url.query or url.fragment or url.username is not None:
        return f"is {value!r}; nothing may follow or precede host and port"
    if url.scheme == "http" and not is_loopback(url.hostname):
        return f"is {value!r}; without https, anyone on the way could read what this server sends"
    return None


def is_loopback(host: str) -> bool:
    """Whether `host` is an address of this machine that no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def canonical_origin(url: str) -> str:
    """The origin of a URL that `url_fault` has nothing against, as a browser writes it: lower case, no default port."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}[parts.scheme]
    host, port = (parts.hostname or "").lower(), parts.port or usual
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" if port == usual else f"{parts.scheme}://{host}:{port}"
