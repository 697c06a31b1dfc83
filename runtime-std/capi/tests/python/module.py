"""The module beyond what the examples use.

Arguments: SERVER PKCS12 PASSWORD CERTIFICATE KEY CA. The last three are PEM files.
"""

import asyncio
import pathlib
import sys
import threading
import time

import estreamer_client
from estreamer_client import OLDEST, AsyncClient, Client, EstreamerError

server, pkcs12, password, *files = sys.argv[1:]
pem = tuple(pathlib.Path(file).read_text() for file in files)
in_memory = pathlib.Path(pkcs12).read_bytes()
lines: "list[str]" = []


def fails(status: int, *arguments: object, **settings: object) -> None:
    try:
        Client(*arguments, **settings)
    except EstreamerError as error:
        assert error.status == status, (error.status, str(error))
        assert len(str(error)) > 10
    else:
        raise AssertionError(f"{arguments} {settings}")


# The library is the one in the package.
package = pathlib.Path(estreamer_client.__file__).parent
assert (package / "py.typed").exists()
loaded = pathlib.Path("/proc/self/maps").read_text()
assert str(package / "libestreamer.so.0") in loaded
assert estreamer_client.version() == estreamer_client.__version__

# Settings.
fails(31, server, "/no/such/file", password)
fails(31, server, b"no PKCS#12", password)
fails(11, server, in_memory, password, bind="localhost")
fails(11, server, in_memory, password, quirks=["netmap"])
for arguments, settings in [
    ((server, pathlib.Path(pkcs12), password), {}),
    ((server, in_memory, password), {"bind": "127.0.0.1"}),
    ((server,), {"pem": pem, "quirks": ["error-nul"], "log": lines.append}),
]:
    with Client(*arguments, start=OLDEST, **settings) as client:
        event = client.receive(10)
        assert event is not None and event.kind == "event" and event.data[:1] == b"{"
        assert client.statistics()["records"] >= 1
assert any("connected to" in line for line in lines), lines

# A wait ends after its time, and by another thread.
with Client(server, in_memory, password) as client:
    started = time.monotonic()
    assert client.receive(0.2) is None
    assert 0.1 < time.monotonic() - started < 5
    threading.Timer(0.1, client.interrupt).start()
    try:
        client.receive()
    except EstreamerError as error:
        assert error.status == 2
    else:
        raise AssertionError("the wait goes on")


async def loop() -> None:
    # Other tasks go on during a wait, and a cancelled one loses nothing.
    async with AsyncClient(server, in_memory, password, start=OLDEST) as client:
        first = await client.receive()
        client.acknowledge()
        second = await asyncio.wait_for(client.receive(), 10)
        assert first != second
    async with AsyncClient(server, in_memory, password) as client:
        ticks = 0
        waiting = asyncio.ensure_future(client.receive())
        for _ in range(10):
            await asyncio.sleep(0.02)
            ticks += 1
        assert ticks == 10 and not waiting.done()
        waiting.cancel()
        # An idle client does not keep the processor busy.
        used = time.process_time()
        try:
            await asyncio.wait_for(client.receive(), 0.5)
        except asyncio.TimeoutError:
            pass
        assert time.process_time() - used < 0.25
    # An error of the connection is an exception of the loop.
    try:
        async with AsyncClient("127.0.0.1:1", in_memory, password) as client:
            async for _ in client:
                pass
    except EstreamerError as error:
        assert error.status == 33, error.status
    else:
        raise AssertionError("no error")


asyncio.run(loop())
