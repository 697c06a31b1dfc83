"""Events of Cisco Secure Firewall Management Centers.

    from estreamer_client import Client, OLDEST

    with Client("fmc.example.net", "client.p12", "password", start=OLDEST) as client:
        for event in client:
            print(event.data.decode())

``AsyncClient`` is the same for asyncio. The wheel has the C library libestreamer in it and
needs nothing else.
"""

from ._asyncio import AsyncClient
from ._client import Client
from ._session import (
    ALL,
    CONNECTION,
    FILE,
    INTRUSION,
    NOW,
    OLDEST,
    PACKET,
    EstreamerError,
    Event,
    version,
)

__version__ = version()

__all__ = [
    "ALL",
    "AsyncClient",
    "CONNECTION",
    "Client",
    "EstreamerError",
    "Event",
    "FILE",
    "INTRUSION",
    "NOW",
    "OLDEST",
    "PACKET",
    "version",
]
