#!/usr/bin/env python3
"""A client for fully-qualified events, written from Cisco's guide alone.

usage: guide_client.py HOST:PORT CERT KEY CA REQUEST.json COUNT [FLAGS]

Prints COUNT events, one a line. FLAGS defaults to bit 23, extended headers.
"""
import socket
import ssl
import struct
import sys

NULL, ERROR, REQUEST, EVENT, BUNDLE = 0, 1, 2, (3, 4), 4002
EXTENDED = 1 << 23


def read(stream, count):
    data = bytearray()
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            sys.exit("the server closed the connection")
        data += more
    return data


def connect(address, cert, key, ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the certificate names no host
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    host, port = address.rsplit(":", 1)
    return context.wrap_socket(socket.create_connection((host, int(port)), 60))


def request(stream, block, flags):
    # "Message Length must include the length of the binary header, plus the
    # length of the JSON block": five integers are sixteen bytes.
    length = 16 + len(block)
    stream.sendall(struct.pack(">HHIII", 1, REQUEST, length, 0, flags) + block)


def events(stream, flags):
    while True:
        _, kind, length = struct.unpack(">HHI", read(stream, 8))
        body = read(stream, length)
        if kind == ERROR:
            code, text_length = struct.unpack(">IH", body[:6])
            text = body[6 : 6 + text_length].decode()
            sys.exit(f"error {code}: {text}")
        if kind == BUNDLE:
            yield from bundle(body[8:], flags)
            stream.sendall(struct.pack(">HHI", 1, NULL, 0))  # ready for more


def bundle(nested, flags):
    at = 0
    while at < len(nested):
        _, kind, length = struct.unpack_from(">HHI", nested, at)
        message = nested[at + 8 : at + 8 + length]
        at += 8 + length
        if kind in EVENT:
            header = 16 if flags & EXTENDED else 8
            record_length = struct.unpack(">I", message[4:8])[0]
            yield message[header : header + record_length]


def main(address, cert, key, ca, request_file, count, flags=str(EXTENDED)):
    flags = int(flags, 0)
    with open(request_file, "rb") as file:
        block = file.read().rstrip()
    stream = connect(address, cert, key, ca)
    request(stream, block, flags)
    for _, event in zip(range(int(count)), events(stream, flags)):
        sys.stdout.buffer.write(event.rstrip(b"\0") + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
