"""What it costs functions/live to send: python -m benchmarks.live_posts [--posts N].

Posts so many messages through boto3 to a server on the loopback, `AT_ONCE` at a time, as `Live.push` does, and prints
the processor time of each, in milliseconds at a whole processor. TLS is not spoken; on AWS it adds a handshake for each
of the connections to API Gateway, which are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from common.adapters.aws.connections import ApiGatewayConnections
from common.services.live import AT_ONCE

_SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
_EVENT = json.dumps(
    {
        "type": "event",
        "seq": 123456,
        "kind": "forecast",
        "cities": ["Delhi"],
        "time": "2025-11-05T10:30:00Z",
        "data_version": 4711,
        "detail": {},
    }
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=2000)
    posts = parser.parse_args().posts
    os.environ |= {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{int(server.stdout.readline())}/live"
        connections = ApiGatewayConnections("ap-south-1", "none", address, at_once=AT_ONCE)
        connections.post("warm", _EVENT)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            cpu, wall = time.process_time(), time.monotonic()
            list(pool.map(lambda number: connections.post(f"c{number}", _EVENT), range(posts)))
            cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        server.terminate()
    print(
        f"{posts} posts: {1000 * cpu / posts:.2f} ms of processor time each, {posts / wall:.0f} a second here"
    )


if __name__ == "__main__":
    main()
