"""Events of Cisco Secure Firewall Management Centers, through libestreamer.

    from estreamer import Client, OLDEST

    with Client("fmc.example.net", "client.p12", "password", start=OLDEST) as client:
        for event in client:
            print(event.data.decode())

One file that needs only the standard library; copy it into your project. It loads
libestreamer.so.0 from the library path, or the file in ESTREAMER_LIBRARY.
"""

from __future__ import annotations

import ctypes
import os
import time
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint8, c_uint16, c_uint32, c_uint64
from dataclasses import dataclass
from typing import Iterator, Optional

OLDEST = 0
NOW = 0xFFFFFFFF

CONNECTION, INTRUSION, PACKET, FILE = 1, 2, 4, 8
ALL = CONNECTION | INTRUSION | PACKET | FILE

_OK, _AGAIN, _UNACKNOWLEDGED = 0, 1, 3
_KINDS = ("event", "malformed", "skipped")


class EstreamerError(Exception):
    """A call failed. ``status`` is an est_status; the text says what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Event:
    """A record from the server."""

    data: bytes
    """The event in the requested format."""
    record_type: int
    """71 connection, 400 intrusion, 2 intrusion packet, 500 and 502 file."""
    archival: int
    """Archival timestamp in UNIX seconds; 0 if the record has none."""
    kind: str
    """``event``, ``malformed`` (the data is its raw body) or ``skipped`` (no data)."""
    length: int
    """Bytes of the record that the server sent."""


class _Config(ctypes.Structure):
    _fields_ = [
        ("server", c_char_p),
        ("pkcs12", c_char_p),
        ("password", c_char_p),
        ("json", c_char_p),
        ("state", c_char_p),
        ("name", c_char_p),
        ("common_name", c_char_p),
        ("fingerprint", c_char_p),
        ("start", c_uint32),
        ("events", c_uint32),
        ("ahead", c_uint32),
        ("overlap", c_uint32),
        ("memory", c_uint32),
        ("connect_timeout", c_uint32),
        ("flags", c_uint32),
        ("record_length", c_uint32),
        ("reserved", c_uint32 * 6),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("data_length", c_size_t),
        ("length", c_uint32),
        ("offset", c_uint32),
        ("archival", c_uint32),
        ("record_type", c_uint16),
        ("netmap", c_uint16),
        ("kind", c_int),
    ]


class _Statistics(ctypes.Structure):
    _fields_ = [
        (name, c_uint64)
        for name in (
            "bytes",
            "records",
            "malformed",
            "skipped",
            "bundles",
            "acknowledged",
            "duplicates",
            "record_covers_extension",
            "record_covers_header",
            "no_extension",
            "data_not_json",
        )
    ] + [("reserved", c_uint64)]


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ.get("ESTREAMER_LIBRARY", "libestreamer.so.0"))
    handle = ctypes.c_void_p
    for name, arguments in {
        "est_client_new": [POINTER(handle)],
        "est_client_free": [POINTER(handle)],
        "est_client_connect": [handle, POINTER(_Config)],
        "est_client_next": [handle, c_uint64, POINTER(_Event)],
        "est_client_ack": [handle],
        "est_client_close": [handle, c_char_p],
        "est_client_statistics": [handle, POINTER(_Statistics)],
        "est_client_interrupt": [handle],
    }.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, c_int
    library.est_client_detail.argtypes = [handle]
    library.est_client_detail.restype = c_char_p
    library.est_strerror.argtypes = [c_int]
    library.est_strerror.restype = c_char_p
    library.est_version.restype = c_char_p
    return library


_library = _load()


def version() -> str:
    """The version of the library."""
    return _library.est_version().decode()


class Client:
    """A connection to a server. Iterating acknowledges the events that the loop has
    handled. With ``receive``, the program calls ``acknowledge``."""

    def __init__(
        self,
        server: str,
        pkcs12: str | os.PathLike[str],
        password: str = "",
        *,
        start: int = NOW,
        events: int = ALL,
        json: Optional[str] = None,
        state: Optional[str | os.PathLike[str]] = None,
        name: Optional[str] = None,
        common_name: Optional[str] = None,
        fingerprint: Optional[bytes] = None,
        ahead: int = 16,
        overlap: int = 5,
        memory: int = 32,
        connect_timeout: float = 30.0,
    ) -> None:
        if fingerprint is not None and len(fingerprint) != 32:
            raise ValueError("a fingerprint is 32 bytes of SHA-256")
        self._handle = ctypes.c_void_p()
        self._view = _Event()
        self._acknowledged = time.monotonic()
        self._check(_library.est_client_new(ctypes.byref(self._handle)))
        config = _Config(
            server.encode(),
            os.fsencode(pkcs12),
            password.encode(),
            json.encode() if json is not None else None,
            os.fsencode(state) if state is not None else None,
            name.encode() if name is not None else None,
            common_name.encode() if common_name is not None else None,
            fingerprint,
            start,
            events if json is None else 0,
            ahead,
            overlap,
            memory,
            int(connect_timeout * 1000),
        )
        try:
            self._check(_library.est_client_connect(self._handle, ctypes.byref(config)))
        except EstreamerError:
            self._free()
            raise

    def receive(self, timeout: float) -> Optional[Event]:
        """Returns the next record, or None if none arrived within ``timeout`` seconds."""
        view = self._view
        milliseconds = int(timeout * 1000)
        status = _library.est_client_next(self._handle, milliseconds, ctypes.byref(view))
        if status == _AGAIN:
            return None
        self._check(status)
        return Event(
            ctypes.string_at(view.data, view.data_length),
            view.record_type,
            view.archival,
            _KINDS[view.kind],
            view.length,
        )

    def acknowledge(self) -> None:
        """Acknowledges all records received so far. With a bookmark, it is on disk when
        this returns, so fewer calls are cheaper."""
        self._check(_library.est_client_ack(self._handle))
        self._acknowledged = time.monotonic()

    def statistics(self) -> dict[str, int]:
        """Returns the counters of the connection."""
        counters = _Statistics()
        self._check(_library.est_client_statistics(self._handle, ctypes.byref(counters)))
        names = [name for name, _ in _Statistics._fields_ if name != "reserved"]
        return {name: getattr(counters, name) for name in names}

    def interrupt(self) -> None:
        """Ends the wait of another thread with an EstreamerError of status 2."""
        self._check(_library.est_client_interrupt(self._handle))

    def close(self, reason: str = "the client closes") -> None:
        """Sends the reason to the server and frees the connection."""
        if self._handle:
            _library.est_client_close(self._handle, reason.encode())
            self._free()

    def __iter__(self) -> Iterator[Event]:
        # The loop has handled an event when the generator continues after its yield.
        wait = 0.0
        while True:
            if time.monotonic() - self._acknowledged >= 1.0:
                self.acknowledge()
            try:
                event = self.receive(wait)
            except EstreamerError as error:
                if error.status != _UNACKNOWLEDGED:
                    raise
                self.acknowledge()
                continue
            if event is not None:
                wait = 0.0
                yield event
            else:
                # A short wait, so that Ctrl-C has an effect.
                self.acknowledge()
                wait = 0.2

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._free()

    def _check(self, status: int) -> None:
        if status != _OK:
            detail = _library.est_client_detail(self._handle) or _library.est_strerror(status)
            raise EstreamerError(status, detail.decode(errors="replace"))

    def _free(self) -> None:
        if getattr(self, "_handle", None):
            _library.est_client_free(ctypes.byref(self._handle))
