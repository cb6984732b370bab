"""What the address of a FHIR server may look like, and when two addresses are of one origin.

Strict on purpose: a caller wrote it, and whatever two parsers could read in two ways is refused. So are a user, a query
or a fragment in a base, dots that climb, a host ending in a dot, and a host that is a number in disguise.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin

from services.plumbing.addresses import is_odd_number
from services.timeline.errors import BadInput

LONGEST: Final = 4096
_PORTS: Final = {"https": 443, "http": 80}
_AUTHORITY: Final = r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
_BASE: Final = re.compile(_AUTHORITY + r"((?:/[a-z0-9._~!$&'()*+,;=:@-]+)*)/?", re.IGNORECASE | re.ASCII)
# Of a link: what stands before the path, and no character that a URL has to encode.
_URL: Final = re.compile(_AUTHORITY + r"(?=[/?]|$)[^\x00-\x20\x7f-\U0010ffff\\#]*", re.IGNORECASE | re.ASCII)
_PLAIN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Scheme, host in lower case, port: what a token may be sent to, and nothing else."""

    scheme: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, by its plain names."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """As a URL, without the port that the scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A FHIR server's base: its origin and the path before `/Patient`, without a slash at the end."""

    origin: Origin
    path: str

    def __str__(self) -> str:
        """The base as a URL, in its one spelling."""
        return f"{self.origin}{self.path}"


def read_base(text: str, *, place: str = "fhirServer") -> Base:
    """A FHIR server's base, or BadInput if it is anything but plain."""
    found = _BASE.fullmatch(text) if len(text) <= LONGEST else None
    if found is None or not {".", ".."}.isdisjoint(found.group(4).split("/")):
        raise BadInput("not the base of a FHIR server", place=place, remedy="Write it as https://host[:port]/path")
    return Base(origin=_origin(found, place), path=found.group(4))


def origin_of(text: str, *, place: str = "fhirServer") -> Origin:
    """The origin of a base, as allow-lists have it."""
    return read_base(text, place=place).origin


def follow(link: str, base: Base, *, at: str = "", also: Collection[Origin] = ()) -> str:
    """The absolute address of a link to another page, if it is of the base's origin or of one in `also`; else empty.

    `at`: where the link stands.
    """
    if len(link) > LONGEST or _PLAIN.fullmatch(link) is None or "\\" in link:
        return ""
    try:
        url = urljoin(at or f"{base}/", link)
        found = _URL.fullmatch(url)
        if found is None:
            return ""
        origin = _origin(found, "link")
        return url if origin == base.origin or origin in also else ""
    except (ValueError, BadInput):
        return ""


def _origin(found: re.Match[str], place: str) -> Origin:
    scheme, host = found.group(1).lower(), found.group(2).lower()
    port = int(found.group(3) or _PORTS[scheme])
    if host.startswith("["):
        try:
            host = str(ip_address(host[1:-1]))
        except ValueError as fault:
            raise BadInput("the host is no address", place=place) from fault
    if is_odd_number(host) or ".." in host or not 0 < port < 65536:
        raise BadInput("the host is not written plainly", place=place, remedy="Write its name")
    return Origin(scheme=scheme, host=host, port=port)
