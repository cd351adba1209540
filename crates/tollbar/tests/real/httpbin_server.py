"""httpbin behind waitress on a free loopback port. Prints the port; ends when standard input does."""

import os
import sys
import threading

from httpbin import app
from waitress.server import create_server


def with_target(environ, start_response):
    # WSGI decodes the path. What stood on the wire is put among the headers, which /anything echoes.
    environ["HTTP_X_TARGET_AS_SENT"] = environ["REQUEST_URI"]
    # httpbin has /anything and what is below it, and 404 for this one.
    if environ["PATH_INFO"] == "/anything/":
        environ["PATH_INFO"] = "/anything"
    return app(environ, start_response)


server = create_server(
    with_target,
    host="127.0.0.1",
    port=0,
    threads=8,
    # What Tollbar says of the caller is to be seen.
    clear_untrusted_proxy_headers=False,
)
print(server.effective_port, flush=True)
threading.Thread(target=server.run, daemon=True).start()
sys.stdin.buffer.read()
os._exit(0)
