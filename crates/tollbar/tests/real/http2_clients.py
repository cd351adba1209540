"""HTTP/2 clients: one that behaves, and one that is made to misbehave. Reads what to do from standard input, prints what
happened."""

import json
import socket
import sys
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import httpx

task = json.load(sys.stdin)
key, base = task["key"], task["base"]
where = urlsplit(base)


def well_behaved():
    headers = {"x-api-key": key}
    with httpx.Client(http1=False, http2=True, headers=headers, trust_env=False) as client:
        seen = []
        for _ in range(200):
            answer = client.get(f"{base}/v1/orders", params={"limit": 5})
            seen.append((answer.http_version, answer.status_code))
        large = client.get(f"{base}/v1/orders/large")
        upload = client.post(f"{base}/v1/orders", content=iter([b"x" * 1000] * 2000))
        refused = client.get(f"{base}/v1/orders", headers={"x-api-key": "wrong"})
        cookies = client.get(f"{base}/v1/orders", headers=[("cookie", "a=1"), ("cookie", "b=2")])
    return {
        "all": sorted(set(seen)),
        "large": len(large.content),
        "upload": upload.status_code,
        "refused": [refused.status_code, refused.json()["error"]["code"]],
        "cookies": cookies.status_code,
    }


class Connection:
    """The library's own state machine, told to check nothing that we send."""

    def __init__(self):
        self.socket = socket.create_connection((where.hostname, where.port), timeout=20)
        config = h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
        )
        self.h2 = h2.connection.H2Connection(config=config)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def fields(self, method="GET", path="/v1/orders", *more):
        pseudo = [(":method", method), (":scheme", "http"), (":authority", where.netloc), (":path", path)]
        return [*pseudo, ("x-api-key", key), *more]

    def raw(self, kind, flags, stream, payload=b""):
        """Together with what is still to be sent: the other side has answered nothing in between."""
        head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        self.socket.sendall(self.h2.data_to_send() + head + payload)

    def outcome(self, stream):
        status = None
        while True:
            try:
                received = self.socket.recv(65536)
            except ConnectionResetError:
                return "closed"
            if not received:
                return "closed"
            for event in self.h2.receive_data(received):
                if isinstance(event, h2.events.ConnectionTerminated):
                    return f"goaway {int(event.error_code)}"
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[":status"]
                if isinstance(event, h2.events.StreamReset):
                    return f"reset {int(event.error_code)}"
                if isinstance(event, h2.events.StreamEnded):
                    return f"status {status}"
            self.flush()


def interleaved():
    """Bodies of ten streams, piece by piece in turn; trailers at the end of each."""
    connection = Connection()
    streams = [connection.h2.get_next_available_stream_id() + 2 * n for n in range(10)]
    for stream in streams:
        connection.h2.send_headers(stream, connection.fields("POST"))
    for _ in range(5):
        for stream in streams:
            connection.h2.send_data(stream, b"%d," % stream)
    for stream in streams:
        connection.h2.send_headers(stream, [("x-checksum", "1")], end_stream=True)
    connection.flush()
    return connection.outcome(streams[-1])


def after_the_end():
    connection = Connection()
    connection.h2.send_headers(1, connection.fields(), end_stream=True)
    connection.raw(0, 0, 1, b"more")
    return connection.outcome(1)


def same_stream_again():
    connection = Connection()
    connection.h2.send_headers(1, connection.fields(), end_stream=True)
    connection.flush()
    first = connection.outcome(1)
    block = connection.h2.encoder.encode(connection.fields())
    connection.raw(1, 0x5, 1, block)
    return [first, connection.outcome(1)]


def malformed(*more, method="GET", path="/v1/orders"):
    connection = Connection()
    connection.h2.send_headers(1, connection.fields(method, path, *more), end_stream=True)
    connection.flush()
    return connection.outcome(1)


outcome = {
    "well_behaved": well_behaved(),
    "interleaved": interleaved(),
    "after_the_end": after_the_end(),
    "same_stream_again": same_stream_again(),
    "upper_case": malformed(("X-Upper", "1")),
    "line_break": malformed(("x-a", "1\r\nx-tollbar-client: admin")),
    "coding": malformed(("transfer-encoding", "chunked")),
    "path": malformed(path="/v1/orders HTTP/1.1\r\nx: y"),
    "length": malformed(("content-length", "7"), method="POST"),
}
json.dump(outcome, sys.stdout)
