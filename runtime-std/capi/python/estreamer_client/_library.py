"""libestreamer, as ctypes sees it. Its header, estreamer.h, says what each function does."""

from __future__ import annotations

import ctypes
import os
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_char_p,
    c_int,
    c_size_t,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)

OK, AGAIN, INTERRUPTED, UNACKNOWLEDGED = 0, 1, 2, 3
FOREVER = 0xFFFFFFFFFFFFFFFF

LogFunction = CFUNCTYPE(None, c_void_p, c_char_p)


class Config(ctypes.Structure):
    """est_client_config."""

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


class EventView(ctypes.Structure):
    """est_event."""

    _fields_ = [
        ("data", c_void_p),
        ("data_length", c_size_t),
        ("length", c_uint32),
        ("offset", c_uint32),
        ("archival", c_uint32),
        ("record_type", c_uint16),
        ("netmap", c_uint16),
        ("kind", c_int),
    ]


class Statistics(ctypes.Structure):
    """est_statistics."""

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
    # The wheel has the library beside this file.
    name = "libestreamer.so.0"
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    library = ctypes.CDLL(beside if os.path.exists(beside) else name)
    handle = c_void_p
    for function, arguments in {
        "est_client_new": [POINTER(handle)],
        "est_client_free": [POINTER(handle)],
        "est_client_set_pkcs12": [handle, c_char_p, c_size_t, c_char_p],
        "est_client_set_pem": [handle, c_char_p, c_char_p, c_char_p],
        "est_client_set_bind": [handle, c_char_p],
        "est_client_set_quirk": [handle, c_char_p],
        "est_client_set_prepaid": [handle, c_uint32],
        "est_client_set_reconnect": [handle],
        "est_client_set_log": [handle, LogFunction, c_void_p],
        "est_client_connect": [handle, POINTER(Config)],
        "est_client_start": [handle, POINTER(Config)],
        "est_client_next": [handle, c_uint64, POINTER(EventView)],
        "est_client_step": [handle, POINTER(EventView)],
        "est_client_descriptor": [handle, POINTER(c_int)],
        "est_client_due": [handle, POINTER(c_uint64)],
        "est_client_ack": [handle],
        "est_client_close": [handle, c_char_p],
        "est_client_statistics": [handle, POINTER(Statistics)],
        "est_client_interrupt": [handle],
    }.items():
        call = getattr(library, function)
        call.argtypes, call.restype = arguments, c_int
    library.est_client_detail.argtypes = [handle]
    library.est_client_detail.restype = c_char_p
    library.est_strerror.argtypes = [c_int]
    library.est_strerror.restype = c_char_p
    library.est_version.restype = c_char_p
    return library


library = _load()
