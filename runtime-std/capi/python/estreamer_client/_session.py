"""What the clients have in common: settings, events, and the calls of the library."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional, Sequence, Tuple, Union

from . import _library
from ._library import library

OLDEST = 0
NOW = 0xFFFFFFFF

CONNECTION, INTRUSION, PACKET, FILE = 1, 2, 4, 8
ALL = CONNECTION | INTRUSION | PACKET | FILE

_KINDS = ("event", "malformed", "skipped")

Path = Union[str, "os.PathLike[str]"]


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


def version() -> str:
    """The version of the library."""
    return _text(library.est_version())


class Session:
    """A handle of the library with its settings. ``Client`` and ``AsyncClient`` connect it.

    ``pkcs12`` is the path of the file, or its bytes. Instead of it, ``pem`` has the texts of
    certificate, key and CA. ``bind`` is the local address to connect from, ``quirks`` are
    names of deviations that the server expects, and ``log`` is called with one line for each
    change of the connection. With ``reconnect``, the client connects again by itself.
    ``prepaid`` null messages are sent ahead of need, for a server far away that counts them.
    """

    def __init__(
        self,
        server: str,
        pkcs12: Union[Path, bytes, None] = None,
        password: str = "",
        *,
        pem: Optional[Tuple[str, str, str]] = None,
        start: int = NOW,
        events: int = ALL,
        json: Optional[str] = None,
        state: Optional[Path] = None,
        name: Optional[str] = None,
        common_name: Optional[str] = None,
        fingerprint: Optional[bytes] = None,
        bind: Optional[str] = None,
        quirks: Sequence[str] = (),
        reconnect: bool = False,
        log: Optional[Callable[[str], Any]] = None,
        ahead: int = 16,
        prepaid: int = 0,
        overlap: int = 5,
        memory: int = 32,
        connect_timeout: float = 30.0,
    ) -> None:
        self._handle = ctypes.c_void_p()
        if fingerprint is not None and len(fingerprint) != 32:
            raise ValueError("a fingerprint is 32 bytes of SHA-256")
        self._view = _library.EventView()
        self._acknowledged = time.monotonic()
        self._check(library.est_client_new(ctypes.byref(self._handle)))
        in_memory = isinstance(pkcs12, bytes) or pem is not None
        if pem is not None:
            self._call("set_pem", *(text.encode() for text in pem))
        if isinstance(pkcs12, bytes):
            self._call("set_pkcs12", pkcs12, len(pkcs12), password.encode())
        if bind is not None:
            self._call("set_bind", bind.encode())
        for quirk in quirks:
            self._call("set_quirk", quirk.encode())
        if prepaid:
            self._call("set_prepaid", prepaid)
        if reconnect:
            self._call("set_reconnect")
        if log is not None:
            write = log
            # The library keeps the function's address, so this object must keep it alive.
            self._log = _library.LogFunction(lambda _, line: write(_text(line)))
            self._call("set_log", self._log, None)
        self._config = _library.Config(
            server.encode(),
            None if in_memory or pkcs12 is None else os.fsencode(pkcs12),
            None if in_memory else password.encode(),
            None if json is None else json.encode(),
            None if state is None else os.fsencode(state),
            None if name is None else name.encode(),
            None if common_name is None else common_name.encode(),
            fingerprint,
            start,
            events if json is None else 0,
            ahead,
            overlap,
            memory,
            int(connect_timeout * 1000),
        )

    def acknowledge(self) -> None:
        """Acknowledges all records received so far. With a bookmark, it is on disk when
        this returns, so fewer calls are cheaper."""
        self._call("ack")
        self._acknowledged = time.monotonic()

    def statistics(self) -> "dict[str, int]":
        """Returns the counters of the connection."""
        counters = _library.Statistics()
        self._call("statistics", ctypes.byref(counters))
        names = [name for name, _ in counters._fields_ if name != "reserved"]
        return {name: getattr(counters, name) for name in names}

    def interrupt(self) -> None:
        """Ends the wait of another thread with an EstreamerError of status 2."""
        self._call("interrupt")

    def close(self, reason: str = "the client closes") -> None:
        """Sends the reason to the server and frees the connection. Events that were not
        acknowledged come again after a restart with a bookmark."""
        if self._handle:
            library.est_client_close(self._handle, reason.encode())
            self._free()

    def _event(self) -> Event:
        view = self._view
        return Event(
            ctypes.string_at(view.data, view.data_length) if view.data_length else b"",
            view.record_type,
            view.archival,
            _KINDS[view.kind],
            view.length,
        )

    def _due(self) -> bool:
        """Whether the last acknowledgement was a second ago."""
        return time.monotonic() - self._acknowledged >= 1.0

    def _call(self, name: str, *arguments: Any) -> None:
        self._check(getattr(library, f"est_client_{name}")(self._handle, *arguments))

    def _check(self, status: int) -> None:
        if status != _library.OK:
            detail = library.est_client_detail(self._handle) or library.est_strerror(status)
            raise EstreamerError(status, _text(detail))

    def _free(self) -> None:
        if self._handle:
            library.est_client_free(ctypes.byref(self._handle))

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._free()


def _text(text: bytes) -> str:
    return text.decode(errors="replace")
