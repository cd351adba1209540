"""httpx-sse hears events that it asks for one by one. Reads what to do from standard input, prints what happened."""

import faulthandler
import json
import os
import ssl
import sys

import httpx
from httpx_sse import connect_sse

# Not an end that one waits for: a mistake.
faulthandler.dump_traceback_later(25, exit=True)
task = json.load(sys.stdin)
outcome = {"opened": [], "events": []}


def heard_from(source):
    # The server's `retry:` comes out as an event without data.
    return (event for event in source.iter_sse() if event.data)


def events(client):
    last = outcome["events"][-1][0] if outcome["events"] else None
    outcome["opened"].append(last)
    return connect_sse(client, "GET", "/events", headers={"Last-Event-ID": last} if last else {})


with httpx.Client(
    base_url=task["url"],
    headers={"X-API-Key": task["key"]},
    http1=not task["http2"],
    http2=task["http2"],
    verify=ssl.create_default_context(cafile=task["ca"]) if task["ca"] else True,
    trust_env=False,
    timeout=20,
) as client:
    with events(client) as source:
        heard = heard_from(source)
        for data in ["one", "two", "three"]:
            client.post("/emit", content=data).raise_for_status()
            event = next(heard)
            outcome["events"].append([event.id, event.data])
        client.post("/hang-up").raise_for_status()
        outcome["ended"] = next(heard, None) is None
    client.post("/emit", content="missed").raise_for_status()
    with events(client) as source:
        event = next(heard_from(source))
        outcome["events"].append([event.id, event.data])
    outcome["refused"] = client.get("/events", headers={"X-API-Key": ""}).status_code

json.dump(outcome, sys.stdout)
sys.stdout.flush()
os._exit(0)
