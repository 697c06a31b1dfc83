"""The client for asyncio."""

from __future__ import annotations

import asyncio
import ctypes
from typing import Any, AsyncIterator, Optional

from . import _library
from ._session import EstreamerError, Event, Session


class AsyncClient(Session):
    """A connection to a server in an event loop. The settings are those of ``Session``.

    ``async for`` acknowledges the events that the loop has handled. With ``receive``, the
    program calls ``acknowledge``, which writes to the disk if there is a bookmark.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._ready: Optional[asyncio.Event] = None

    async def start(self) -> None:
        """Starts to connect. ``async with`` calls it."""
        self._call("start", ctypes.byref(self._config))
        descriptor = ctypes.c_int()
        self._call("descriptor", ctypes.byref(descriptor))
        self._descriptor = descriptor.value
        self._ready = asyncio.Event()

    async def receive(self) -> Event:
        """Waits for the next record and returns it. It may be cancelled: no record is
        lost."""
        while True:
            event = self._step()
            if event is not None:
                return event
            await self._wait()

    def _step(self) -> Optional[Event]:
        """Returns the next record if there is one now."""
        status = _library.library.est_client_step(self._handle, ctypes.byref(self._view))
        if status == _library.AGAIN:
            return None
        self._check(status)
        return self._event()

    async def _wait(self) -> None:
        """Waits until the library has something to do."""
        assert self._ready is not None, "call start() first"
        due = ctypes.c_uint64()
        self._call("due", ctypes.byref(due))
        self._ready.clear()
        loop = asyncio.get_running_loop()
        timer = loop.call_later(due.value / 1000, self._ready.set)
        # Only during the wait: the descriptor stays readable until the next step.
        loop.add_reader(self._descriptor, self._ready.set)
        try:
            await self._ready.wait()
        finally:
            loop.remove_reader(self._descriptor)
            timer.cancel()

    async def __aiter__(self) -> AsyncIterator[Event]:
        # The loop has handled an event when the generator continues after its yield.
        turn = 0
        while True:
            if self._due():
                self.acknowledge()
            try:
                event = self._step()
            except EstreamerError as error:
                if error.status != _library.UNACKNOWLEDGED:
                    raise
                self.acknowledge()
                continue
            if event is None:
                self.acknowledge()
                await self._wait()
                continue
            yield event
            turn += 1
            if turn % 100 == 0:
                # Other tasks get a turn, also while events keep coming.
                await asyncio.sleep(0)

    async def __aenter__(self) -> "AsyncClient":
        try:
            await self.start()
        except BaseException:
            self._free()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
