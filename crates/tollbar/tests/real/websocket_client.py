"""websockets talks with the server behind Tollbar. Reads what to do from standard input, prints what happened."""

import asyncio
import faulthandler
import json
import os
import ssl
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

# Not an end that one waits for: a mistake.
faulthandler.dump_traceback_later(25, exit=True)
task = json.load(sys.stdin)


def open_socket(headers):
    return connect(
        task["url"] + "/socket",
        additional_headers=headers,
        subprotocols=["orders.v1", "orders.v2"],
        ssl=ssl.create_default_context(cafile=task["ca"]) if task["ca"] else None,
        max_size=2 << 20,
        # Whoever closes waits for the other side, for longer than this may take.
        close_timeout=60,
        proxy=None,
    )


async def ask(socket, message):
    await socket.send(message)
    return await socket.recv()


async def refused():
    try:
        await open_socket({})
    except InvalidStatus as error:
        return {"status": error.response.status_code, "code": json.loads(error.response.body)["error"]["code"]}


async def main():
    outcome = {"refused": await refused()}
    key = {"X-API-Key": task["key"]}
    async with open_socket(key) as first:
        outcome["protocol"] = first.subprotocol
        outcome["deflate"] = ", ".join(extension.name for extension in first.protocol.extensions)
        outcome["text"] = await ask(first, "Grüße")
        outcome["who"] = json.loads(await ask(first, "who"))
        for name, message in [("noise", os.urandom(1 << 20)), ("zeros", bytes(1 << 20))]:
            outcome[name] = await ask(first, message) == message
        await (await first.ping("p0"))
        outcome["ping"] = "p0"
        outcome["pinged"] = await ask(first, "ping")
        try:
            await ask(first, "close")
        except ConnectionClosed as closed:
            outcome["server_closes"] = {"code": closed.rcvd.code, "reason": closed.rcvd.reason}
    second = await open_socket(key)
    await second.close(4002, "enough")
    outcome["client_closes"] = second.close_code
    json.dump(outcome, sys.stdout)


asyncio.run(main())
