#!/usr/bin/env python3
"""A client that reads events by the record length alone.

usage: slicing_client.py HOST:PORT CERT KEY CA REQUEST.json COUNT

It sends the request with a length that counts as every other message does, takes
as many bytes behind the record length as that says, and where their first one is
not a brace, takes eight of them for archival timestamp and reserved word. It reads
only a server whose record length counts these eight bytes, or that sends none.
Prints COUNT events, one a line.
"""
import json
import struct
import sys

from guide_client import BUNDLE, ERROR, EVENT, EXTENDED, NULL, REQUEST, connect, read


def ask(stream, block):
    length = 8 + len(block)
    stream.sendall(struct.pack(">HHIII", 1, REQUEST, length, 0, EXTENDED) + block)


def events(stream):
    while True:
        _, kind, length = struct.unpack(">HHI", read(stream, 8))
        body = read(stream, length)
        if kind == ERROR:
            sys.exit(f"error: {body[6:].decode()}")
        if kind == BUNDLE:
            yield from records(body[8:])
            stream.sendall(struct.pack(">HHI", 1, NULL, 0))


def records(nested):
    at = 0
    while at < len(nested):
        _, kind, length = struct.unpack_from(">HHI", nested, at)
        if kind in EVENT:
            record_length = struct.unpack_from(">I", nested, at + 12)[0]
            data = nested[at + 16 : at + 16 + record_length]
            yield data if data[:1] == b"{" else data[8:]
        at += 8 + length


def main(address, cert, key, ca, request_file, count):
    with open(request_file, "rb") as file:
        block = file.read().rstrip()
    stream = connect(address, cert, key, ca)
    ask(stream, block)
    for _, event in zip(range(int(count)), events(stream)):
        json.loads(event)
        sys.stdout.buffer.write(event + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
