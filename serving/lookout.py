"""The lookout of a web process: it sees what was released before a request asks, so that a long load begins at once."""

import threading
import time

from django.db import Error, close_old_connections, connection

from mlplatform import bulletin, outages
from serving import resident

TICK_S = 0.1  # for a release on this box: comparing a file's time costs nothing
LOOK_EVERY_S = 0.45  # for one on another machine: live within a second where it loads in half of one


def start() -> None:
    """Begin to look out, in a thread that ends with the process. Call it after the fork."""
    threading.Thread(target=_look_out, name="lookout", daemon=True).start()


def _look_out() -> None:
    looked_at, stamp = 0.0, 0
    while True:
        time.sleep(TICK_S)
        now, said = time.monotonic(), bulletin.stamp(bulletin.RELEASES)
        if said == stamp and now - looked_at < LOOK_EVERY_S:
            continue
        looked_at, stamp = now, said
        look()


def look() -> None:
    """Look once. A database that is away is nothing new to the requests, which go on with what they know."""
    close_old_connections()
    try:
        with outages.hurried():
            resident.look_ahead()
    except Error:
        connection.close_if_unusable_or_obsolete()
