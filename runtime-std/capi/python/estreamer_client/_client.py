"""The client that waits."""

from __future__ import annotations

import ctypes
from typing import Any, Iterator, Optional

from . import _library
from ._session import EstreamerError, Event, Session


class Client(Session):
    """A connection to a server. The settings are those of ``Session``.

    Iterating acknowledges the events that the loop has handled. With ``receive``, the
    program calls ``acknowledge``.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        try:
            self._call("connect", ctypes.byref(self._config))
        except EstreamerError:
            self._free()
            raise

    def receive(self, timeout: Optional[float] = None) -> Optional[Event]:
        """Returns the next record, or None if none arrived within ``timeout`` seconds."""
        wait = _library.FOREVER if timeout is None else int(timeout * 1000)
        view = ctypes.byref(self._view)
        status = _library.library.est_client_next(self._handle, wait, view)
        if status == _library.AGAIN:
            return None
        self._check(status)
        return self._event()

    def __iter__(self) -> Iterator[Event]:
        # The loop has handled an event when the generator continues after its yield.
        wait = 0.0
        while True:
            if self._due():
                self.acknowledge()
            try:
                event = self.receive(wait)
            except EstreamerError as error:
                if error.status != _library.UNACKNOWLEDGED:
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

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
