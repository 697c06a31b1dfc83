"""Prints a number of events, one per line.

python3 collect.py fmc.example.net client.p12 password 1000 [state-directory]
"""

import sys
from typing import Optional

from estreamer_client import OLDEST, Client


def main(
    server: str, pkcs12: str, password: str, wanted: str, state: Optional[str] = None
) -> None:
    count = 0
    with Client(server, pkcs12, password, start=OLDEST, state=state) as client:
        for event in client:
            sys.stdout.buffer.write(event.data + b"\n")
            count += 1
            if count == int(wanted):
                sys.stdout.flush()
                client.acknowledge()
                break
    print(f"collect: {count} events", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
