"""The other side of the interoperability tests, on Python's `websockets` (the Debian package, 10.4).

serve <cert> <key>     serves over TCP and TLS; what it does is said by the path. Prints {"tcp": port, "tls": port}.
check <url> [<ca>]     runs the client's checks against a server of ours. Prints {"name", "error"} for each, then {"done"}.
"""

import asyncio
import json
import os
import ssl
import sys
import traceback
from urllib.parse import parse_qs, urlsplit

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

MAX = 64 * 1024 * 1024
LEGAL_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
SIZES = [1, 125, 126, 127, 1000, 65535, 65536, 1_000_003, 4 * 1024 * 1024 + 1, 16 * 1024 * 1024]


def say(value):
    print(json.dumps(value), flush=True)


# The server.

endings = {}


def ending(key):
    return endings.setdefault(key, asyncio.get_running_loop().create_future())


async def handle(ws, path):
    url = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    try:
        await behave(ws, url.path, query)
        await ws.wait_closed()
    except websockets.ConnectionClosed:
        pass
    finally:
        if "id" in query:
            ending(query["id"]).set_result({"code": ws.close_code, "reason": ws.close_reason})


async def behave(ws, path, query):
    if path == "/echo":
        async for message in ws:
            await ws.send(message)
    elif path == "/fragments":
        # Each message goes back in fragments of `size`, each followed by a ping that is waited for.
        size = int(query["size"])
        async for message in ws:
            await ws.send([message[i : i + size] for i in range(0, len(message), size)])
    elif path == "/close":
        await ws.close(int(query["code"]), query.get("reason", ""))
    elif path == "/ping":
        pong = await ws.ping(bytes.fromhex(query["payload"]) if "payload" in query else b"")
        await pong
        await ws.send("pong received")
        await ws.wait_closed()
    elif path == "/abort":
        await ws.recv()
        ws.transport.abort()
    elif path == "/ending":
        await ws.send(json.dumps(await ending(query["of"])))
    elif path == "/protocol":
        await ws.send(str(ws.subprotocol))


async def serve(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    options = dict(host="127.0.0.1", port=0, max_size=MAX, compression=None, subprotocols=["v2.feed"], ping_interval=None)
    plain = await websockets.serve(handle, **options)
    # permessage-deflate is on offer here, as by default; a client that does not ask for it does not get it.
    secure = await websockets.serve(handle, **{**options, "ssl": context, "compression": "deflate"})
    say({"tcp": plain.sockets[0].getsockname()[1], "tls": secure.sockets[0].getsockname()[1]})
    # Until our standard input ends.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


# The client.


class Checks:
    def __init__(self, base, ca):
        self.base = base
        self.context = None
        if ca is not None:
            self.context = ssl.create_default_context(cafile=ca)

    def connect(self, path, **options):
        options = {"max_size": MAX, "ping_interval": None, **options}
        return websockets.connect(self.base + path, ssl=self.context, **options)

    async def text(self):
        async with self.connect("/echo") as ws:
            for text in ["hello", "Grüße, 世界 🌍", "\0", "x" * 70000, "é" * 40000]:
                await ws.send(text)
                assert await ws.recv() == text

    async def binary(self):
        async with self.connect("/echo") as ws:
            for data in [b"\0\xff", bytes(range(256)) * 10]:
                await ws.send(data)
                assert await ws.recv() == data

    async def empty(self):
        async with self.connect("/echo") as ws:
            await ws.send("")
            await ws.send(b"")
            assert await ws.recv() == ""
            assert await ws.recv() == b""

    async def sizes(self):
        async with self.connect("/echo") as ws:
            for size in SIZES:
                data = os.urandom(size)
                await ws.send(data)
                assert await ws.recv() == data, f"{size} bytes came back changed"

    async def fragmented(self):
        async with self.connect("/echo") as ws:
            data = os.urandom(200_000)
            await ws.send([data[i : i + 1000] for i in range(0, len(data), 1000)])
            assert await ws.recv() == data
            text = "a€𝄞é" * 100
            await ws.send(list(text))
            assert await ws.recv() == text

    async def pings_between_fragments(self):
        async with self.connect("/echo") as ws:
            pongs = []

            async def pieces():
                for i in range(20):
                    yield b"x" * 100
                    pongs.append(await ws.ping(f"between {i}".encode()))

            await ws.send(pieces())
            assert await ws.recv() == b"x" * 2000
            await asyncio.gather(*pongs)

    async def pings(self):
        async with self.connect("/echo") as ws:
            for payload in [b"", b"a", b"\0\xff", os.urandom(125)]:
                await (await ws.ping(payload))

    async def pings_of_the_server(self):
        for payload in ["", "00ff", "61" * 125]:
            async with self.connect(f"/ping?payload={payload}") as ws:
                assert await ws.recv() == f"pong {payload}"

    async def closes_of_the_client(self):
        for code in LEGAL_CODES:
            ws = await self.connect(f"/echo?id=python-{code}")
            await ws.close(code, "done")
            assert (ws.close_code, ws.close_reason) == (code, ""), (ws.close_code, ws.close_reason)
            async with self.connect(f"/ending?of=python-{code}") as other:
                seen = json.loads(await other.recv())
                assert seen == {"code": code, "reason": "done", "wasClean": True, "error": None}, seen

    async def closes_of_the_server(self):
        for code in LEGAL_CODES:
            ws = await self.connect(f"/close?code={code}&reason=bye")
            await ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (code, "bye"), (ws.close_code, ws.close_reason)

    async def close_without_a_code(self):
        ws = await self.connect("/close")
        await ws.wait_closed()
        assert ws.close_code == 1005, ws.close_code

    async def many_messages(self):
        async with self.connect("/burst?messages=5000") as ws:
            for i in range(5000):
                assert await ws.recv() == f"message {i}"

    async def request(self):
        async with self.connect("/request?x=1", subprotocols=["v1.feed", "v2.feed"], extra_headers=[("X-Custom", "value")]) as ws:
            seen = json.loads(await ws.recv())
            assert seen["path"] == "/request?x=1"
            assert ["X-Custom", "value"] in seen["headers"]
            assert ws.subprotocol == "v2.feed"
            assert ws.response_headers["X-Server"] == "nexus"
            # It is offered unless it is told not to, and our server of the tests accepts it.
            assert [extension.name for extension in ws.extensions] == ["permessage-deflate"], ws.extensions

    async def compressed(self):
        for takeover in range(4):
            for bits in [9, 12, 15]:
                wishes = ClientPerMessageDeflateFactory(
                    server_no_context_takeover=takeover & 1 == 1,
                    client_no_context_takeover=takeover & 2 == 2,
                    server_max_window_bits=bits,
                    client_max_window_bits=bits,
                )
                async with self.connect("/echo", compression=None, extensions=[wishes]) as ws:
                    assert [extension.name for extension in ws.extensions] == ["permessage-deflate"], ws.extensions
                    for size in [0, 16, 1000, 20000, 131072]:
                        text = ('{"price":67123.45,"size":"é"}' * (size // 16 + 1))[:size]
                        await ws.send(text)
                        assert await ws.recv() == text
                        await ws.send([text[i : i + 9000] for i in range(0, size, 9000)] or [""])
                        assert await ws.recv() == text
                    data = os.urandom(100_000)
                    await ws.send(data)
                    assert await ws.recv() == data

    async def compressed_in_every_way(self):
        text = '{"price":67123.45,"size":"é"}' * 60
        for i in range(4 * 49):
            wishes = ClientPerMessageDeflateFactory(
                server_no_context_takeover=i & 1 == 1,
                client_no_context_takeover=i & 2 == 2,
                server_max_window_bits=9 + (i >> 2) % 7,
                client_max_window_bits=9 + (i >> 2) // 7,
            )
            async with self.connect("/echo", compression=None, extensions=[wishes]) as ws:
                assert [extension.name for extension in ws.extensions] == ["permessage-deflate"], ws.extensions
                for _ in range(2):
                    await ws.send(text)
                    assert await ws.recv() == text

    async def refusal(self):
        try:
            await self.connect("/forbidden")
        except websockets.InvalidStatusCode as error:
            assert error.status_code == 403
        else:
            raise AssertionError("it was let in")

    async def loss(self):
        ws = await self.connect("/half")
        await ws.send("now")
        try:
            while True:
                # Whole ones may come before the one that is cut.
                assert len(await ws.recv()) == 16 * 1024 * 1024, "half a message was delivered"
        except websockets.ConnectionClosedError as error:
            assert error.code == 1006, error.code

    async def vanishing(self):
        ws = await self.connect(f"/echo?id=vanished-{self.base}")
        await ws.send("x")
        await ws.recv()
        ws.transport.abort()
        async with self.connect(f"/ending?of=vanished-{self.base}") as other:
            seen = json.loads(await other.recv())
            assert (seen["code"], seen["wasClean"]) == (1006, False), seen


async def check(base, ca):
    checks = Checks(base, ca)
    names = [name for name in vars(Checks) if not name.startswith("_") and name != "connect"]
    for name in names:
        try:
            await asyncio.wait_for(getattr(checks, name)(), 30)
            say({"name": name, "error": None})
        except BaseException:
            say({"name": name, "error": traceback.format_exc()})
    say({"done": len(names)})


if sys.argv[1] == "serve":
    asyncio.run(serve(*sys.argv[2:4]))
else:
    asyncio.run(check(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
