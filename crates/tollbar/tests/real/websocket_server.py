"""The websockets library's server on a free loopback port. Prints the port; ends when standard input does."""

import asyncio
import json
import os
import sys
import threading

from websockets.asyncio.server import serve


async def answer(socket, message):
    headers = socket.request.headers
    if message == "close":
        await socket.close(4001, "as you wished")
    elif message == "who":
        who = {"environment": headers.get("X-Tollbar-Environment"), "key": headers.get("X-API-Key")}
        await socket.send(json.dumps(who))
    elif message == "ping":
        await (await socket.ping("p1"))
        await socket.send("ponged p1")
    else:
        await socket.send(message)


async def main():
    closed = asyncio.Queue()

    async def plain(connection, request):
        if request.path == "/closed":
            return connection.respond(200, json.dumps(await closed.get()))

    async def handle(socket):
        try:
            async for message in socket:
                await answer(socket, message)
        finally:
            closed.put_nowait({"code": socket.close_code, "reason": socket.close_reason})

    server = await serve(
        handle,
        "127.0.0.1",
        0,
        process_request=plain,
        subprotocols=["orders.v2"],
        max_size=2 << 20,
        close_timeout=60,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def end():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end, daemon=True).start()
asyncio.run(main())
