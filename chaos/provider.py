"""The payment provider as a process of its own: ``python -m chaos.provider PORT FOLDER LATE_SECONDS``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from threading import Event

from example_shop.payments.provider import create_provider, provider_of
from example_shop.server.serving import AppServer, reserve


def main(port: int, folder: Path, late_seconds: float) -> None:
    """Serve until SIGTERM."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    app = create_provider(folder, late_seconds=late_seconds)
    served = AppServer(app, reserve(port))
    stop.wait()
    provider_of(app).close()
    served.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
