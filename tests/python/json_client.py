#!/usr/bin/env python3
"""A straightforward collector: reads each event's JSON and appends it to a file.

usage: json_client.py HOST:PORT CERT KEY CA REQUEST.json COUNT FILE

What `cargo xtask bench` compares the collector with. The protocol is the guide
client's; it keeps no bookmark and looks for no duplicates.
"""
import json
import sys

from guide_client import EXTENDED, connect, events, request


def main(address, cert, key, ca, request_file, count, path):
    with open(request_file, "rb") as file:
        block = file.read().rstrip()
    stream = connect(address, cert, key, ca)
    request(stream, block, EXTENDED)
    read = 0
    with open(path, "ab") as out:
        for _, event in zip(range(int(count)), events(stream, EXTENDED)):
            read += "EventType" in json.loads(event)
            out.write(event.rstrip(b"\0") + b"\n")
    print(f"{read} events")


if __name__ == "__main__":
    main(*sys.argv[1:])
