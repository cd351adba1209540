"""httpx, blocking and asynchronous. Reads what to do from standard input, prints what happened."""

import asyncio
import faulthandler
import hashlib
import json
import os
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx

# Not an end that one waits for: a mistake.
faulthandler.dump_traceback_later(25, exit=True)
task = json.load(sys.stdin)
# Nothing is there to be verified without TLS.
TRUST = ssl.create_default_context(cafile=task["ca"]) if task["ca"] else False
MEGABYTE = bytes(range(256)) * 4096


def settings(connections, **more):
    return {
        "base_url": task["url"],
        "headers": {"X-API-Key": task["key"]},
        # Without TLS, HTTP/2 has to be known of.
        "http1": not task["http2"],
        "http2": task["http2"],
        "verify": TRUST,
        "trust_env": False,
        "timeout": 20,
        "limits": httpx.Limits(max_connections=connections),
        **more,
    }


def pieces(sha256):
    for _ in range(5):
        sha256.update(MEGABYTE)
        yield MEGABYTE


def refusal(response):
    return {"status": response.status_code, "code": response.json()["error"]["code"]}


def together():
    with httpx.Client(**settings(1)) as client:
        return client.get("/together/10").json()["together"]


def blocking():
    outcome = {}
    with httpx.Client(**settings(1)) as client:
        answer = client.get("/echo?a=%2F&b")
        outcome["version"] = answer.http_version
        outcome["echo"] = [answer.status_code, answer.json()["target"], answer.json()["headers"]["via"]]
        sent = hashlib.sha256()
        received = client.post("/digest", content=pieces(sent)).json()
        outcome["upload"] = [received["bytes"], received["sha256"] == sent.hexdigest()]
        with client.stream("GET", "/stream/5000000") as response:
            lengths = [len(piece) for piece in response.iter_bytes()]
        outcome["download"] = [sum(lengths), len(lengths) > 1]
        with client.stream("GET", "/endless/httpx") as response:
            outcome["left"] = next(response.iter_text())
        # In HTTP/2 it does not tell the server that it left.
        outcome["aborted"] = None if task["http2"] else client.get("/aborted").json()["aborted"]
        outcome["cookies"] = [client.get("/cookie").json()["cookie"] for _ in range(2)]
        keyed = [
            client.post("/orders", headers={"Idempotency-Key": task["url"]}, json={"n": n}) for n in (1, 1, 2)
        ]
        outcome["keyed"] = [
            [answer.status_code, answer.headers.get("idempotent-replayed"), answer.json().get("execution")]
            for answer in keyed
        ]
        outcome["errors"] = [
            refusal(client.get("/nowhere")),
            refusal(client.delete("/echo")),
            refusal(client.get("/fails")),
            refusal(client.get("/echo", headers={"X-API-Key": "tb_live_nonsense"})),
        ]
        outcome["head"] = client.head("/stream/1000?sized").headers["content-length"]
    # Each with a connection of its own: threads that share one in HTTP/2 send their streams out of order.
    with ThreadPoolExecutor(10) as threads:
        outcome["threads"] = list(threads.map(lambda _: together(), range(10)))
    return outcome


async def asynchronous():
    outcome = {}
    async with httpx.AsyncClient(**settings(1)) as client:
        # In HTTP/1.1 they wait for each other: the server cannot have them all at once.
        target = "/together/50" if task["http2"] else "/echo"
        answers = await asyncio.gather(*(client.get(target) for _ in range(50)))
        outcome["statuses"] = sorted({answer.status_code for answer in answers})
        outcome["request_ids"] = len({answer.headers["x-request-id"] for answer in answers})
        received = hashlib.sha256()
        async with client.stream("GET", "/stream/5000000?sized") as response:
            async for piece in response.aiter_bytes():
                received.update(piece)
        expected = bytes(range(251)) * (5_000_000 // 251 + 1)
        outcome["download"] = received.hexdigest() == hashlib.sha256(expected[:5_000_000]).hexdigest()

        async def upload():
            for _ in range(5):
                yield MEGABYTE

        outcome["upload"] = (await client.post("/digest", content=upload())).json()["bytes"]
    return outcome


json.dump({"blocking": blocking(), "asynchronous": asyncio.run(asynchronous())}, sys.stdout)
sys.stdout.flush()
os._exit(0)
