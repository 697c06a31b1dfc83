#!/usr/bin/env python3
"""A client that takes the record length to count timestamp and reserved word.

usage: record_client.py HOST:PORT CERT KEY CA REQUEST.json COUNT

So does the public client for fully-qualified events: it takes as many bytes
behind the record length as that says, and the first 8 of them for the archival
time where they do not begin with a brace. Prints COUNT events, one a line.
"""
import json
import struct
import sys

from guide_client import ERROR, EVENT, EXTENDED, NULL, REQUEST, connect, read


def records(bundle):
    at = 8  # connection id and sequence number
    while at < len(bundle):
        _, kind, length = struct.unpack_from(">HHI", bundle, at)
        _, record_length = struct.unpack_from(">II", bundle, at + 8)
        record = bundle[at + 16 : at + 16 + record_length]
        at += 8 + length
        if kind in EVENT:
            yield record if record.startswith(b"{") else record[8:]


def main(address, cert, key, ca, request_file, count):
    with open(request_file, "rb") as file:
        block = file.read().rstrip()
    stream = connect(address, cert, key, ca)
    length = 8 + len(block)
    stream.sendall(struct.pack(">HHIII", 1, REQUEST, length, 0, EXTENDED) + block)
    left = int(count)
    while left > 0:
        _, kind, length = struct.unpack(">HHI", read(stream, 8))
        body = read(stream, length)
        if kind in (NULL, ERROR):
            sys.exit(f"no bundle but {kind}")
        for record in records(body):
            json.loads(record)
            sys.stdout.buffer.write(record + b"\n")
            left -= 1
        stream.sendall(struct.pack(">HHI", 1, NULL, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
