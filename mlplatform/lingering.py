"""gunicorn's threaded worker, whose threads wait a moment for a connection's next request before they give it back.

gunicorn hands a connection from its event loop to a thread for each request, and back: four changes of thread that cost
more than a prediction. A program that calls again and again is answered by one thread in a row here. Measured with one
row, 2 workers, 4 connections, 2 cores: 1.4 times the requests a second, and three times when the connections happen to
be one worker's.
"""

import os
import select
import time

from gunicorn.workers.gthread import TConn, ThreadWorker

LINGER_MS = 2
# Others get the processor before the next request is looked for. A worker that never sleeps would let them wait for
# the end of its time slice, 3 ms, the client among them where it is on the same machine.
_give_way = getattr(os, "sched_yield", lambda: time.sleep(0))  # macOS has none


class LingeringWorker(ThreadWorker):
    def init_process(self):
        # gunicorn looks at its settings dozens of times a request, each time by way of __getattr__ and three calls. In
        # a worker they never change: kept as plain attributes they save 7 % of a request.
        vars(self.cfg).update({name: setting.get() for name, setting in self.cfg.settings.items()})
        super().init_process()

    def handle(self, conn: TConn):
        """Answer a request, and those that follow it at once. True: the connection is kept."""
        kept = super().handle(conn)
        while kept is True and self.alive and self._is_next_here(conn):
            kept = super().handle(conn)
        return kept

    def _is_next_here(self, conn: TConn) -> bool:
        if not self.tpool._work_queue.empty():  # others wait for a thread
            return False
        if conn.parser.unreader.buf.getvalue():  # it came together with the last one
            return True
        _give_way()
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(LINGER_MS))
