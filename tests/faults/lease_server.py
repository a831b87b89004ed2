"""A server on a database, for the loop of leases: tells its address and serves until it is killed.

python -m tests.faults.lease_server DATABASE_URL HOME
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn

from flowstone.server.app import create_app
from flowstone.settings import Settings
from flowstone.store.databases import open_database


def main(url: str, home: str) -> None:
    app = create_app(open_database(Path(home), url), Settings(home=home))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none")).run([listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
