"""Prints a number of events, one per line, in an event loop of asyncio. Connects again
after each end of a connection.

python3 collect_asyncio.py fmc.example.net client.p12 password 1000 [state-directory]
"""

import asyncio
import sys
from typing import Optional

from estreamer_client import OLDEST, AsyncClient


def log(line: str) -> None:
    print(f"collect: {line}", file=sys.stderr)


async def collect(
    server: str, pkcs12: str, password: str, wanted: str, state: Optional[str] = None
) -> None:
    count = 0
    async with AsyncClient(
        server, pkcs12, password, start=OLDEST, state=state, reconnect=True, log=log
    ) as client:
        async for event in client:
            sys.stdout.buffer.write(event.data + b"\n")
            count += 1
            if count == int(wanted):
                sys.stdout.flush()
                client.acknowledge()
                break
    print(f"collect: {count} events", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(collect(*sys.argv[1:]))
