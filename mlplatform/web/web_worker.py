"""gunicorn's threaded worker, made for programs that call again and again on the connections that they keep.

- Its threads wait a moment for a connection's next request before they give it back. gunicorn hands a connection from
  its event loop to a thread for each request, and back: four changes of thread, which cost more than a prediction.
  Measured with one row, 2 workers, 4 connections, 2 cores: 1.4 times the requests a second.
- Connections are shared out evenly. Every worker accepts what comes, whichever is first, so of four connections one
  worker had three, three times out of four, and sometimes all. Here a worker that has more of them than another lets
  that one go first: 7 % more requests of one row, 12 % of 300, and twice as many where one had them all.
- Threads answer one after the other, as long as that is quick. Two at once hand Python's lock to each other at every
  system call: 7 % fewer requests of one row from 4 connections. From 16 it makes no difference.
- An answer is one packet, and the next request costs less of what gunicorn does for each anew.
- A client that says nothing in the middle of a request, or never closes, holds up nobody for long.
"""

import contextlib
import errno
import mmap
import os
import select
import selectors
import socket
import struct
import threading
import time
from collections import deque
from functools import partial
from typing import ClassVar

from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

LINGER_MS = 2
MOST_PEERS = 10_000
LET_OTHERS_S = 0.001
LONGEST_TURN_S = 0.001
SILENCE_S = 20  # of a client in the middle of a request or of an answer; after it the connection is closed
FAREWELL_S = 2  # that a client has to close a connection on which there will be no more
# Of each worker how many connections it has, and one: memory that all share, since this is imported before they fork.
_open = memoryview(mmap.mmap(-1, 1024)).cast("i")
# Others get the processor before the next request is looked for. A worker that never sleeps would let them wait for
# the end of its time slice, 3 ms, the client among them where it is on the same machine.
_give_way = getattr(os, "sched_yield", lambda: time.sleep(0))  # macOS has none


class Joining(socket.socket):
    """A connection that keeps the head of an answer until its body comes, and sends both at once.

    gunicorn sends them one after the other, and a client on the same machine wakes for each: 6 % of the requests.
    """

    def __init__(self, accepted: socket.socket):
        timeout = accepted.gettimeout()
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.settimeout(timeout)
        # Python's own time limit costs two system calls for each recv and send.
        for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.setsockopt(socket.SOL_SOCKET, direction, struct.pack("ll", SILENCE_S, 0))
        self.head = b""

    def recv(self, *args) -> bytes:
        try:
            return super().recv(*args)
        except BlockingIOError as error:
            raise self._gone(error) from None

    def _gone(self, error: BlockingIOError) -> OSError:
        """Its time limit has passed: gunicorn shall take it for one whose client is gone."""
        return ConnectionResetError(errno.ECONNRESET, "silent for too long") if self.getblocking() else error

    def sendall(self, data: bytes, *flags: int) -> None:
        if not self.head and data.startswith(b"HTTP/1.") and data.endswith(b"\r\n\r\n"):
            self.head = data
            return
        head, self.head = self.head, b""
        try:
            super().sendall(head + data if head else data, *flags)
        except BlockingIOError as error:
            raise self._gone(error) from None

    def sendfile(self, *args, **options):
        self.send_head()
        return super().sendfile(*args, **options)

    def send_head(self) -> None:
        """Send a head that no body followed."""
        if self.head:
            self.sendall(b"")

    def settimeout(self, seconds: float | None) -> None:
        if seconds != self.gettimeout():  # a system call, in which a busy process changes threads
            super().settimeout(seconds)

    def setblocking(self, is_blocking: bool) -> None:
        self.settimeout(None if is_blocking else 0)


class NextRequest(Request):
    """A request on a kept connection: whether its peer is a trusted proxy is known from the one before.

    gunicorn parses the peer's address anew for each: 4 % of a request.
    """

    known: ClassVar[dict] = {}

    def _peer_is_trusted_proxy(self) -> bool:
        peer = self.peer_addr[:1]  # without the port; a local socket has no address
        if peer not in self.known:
            if len(self.known) >= MOST_PEERS:
                self.known.clear()
            self.known[peer] = super()._peer_is_trusted_proxy()
        return self.known[peer]


def forget(worker) -> None:
    """A worker is gone, and has no connections that others could have too many beside."""
    _open[worker.age % len(_open)] = 0


class WebWorker(ThreadWorker):
    @property
    def nr_conns(self) -> int:
        """How many connections this worker has; gunicorn counts them here."""
        return _open[self.age % len(_open)] - 1

    @nr_conns.setter
    def nr_conns(self, count: int) -> None:
        _open[self.age % len(_open)] = count + 1

    def accept(self, listener: socket.socket) -> None:
        if self.nr_conns > min(filter(None, _open), default=1) - 1:
            time.sleep(LET_OTHERS_S)
        super().accept(listener)  # which does nothing when another was faster

    def init_process(self):
        # gunicorn looks at its settings dozens of times a request, each time by way of __getattr__ and three calls. In
        # a worker they never change: kept as plain attributes they save 7 % of a request.
        vars(self.cfg).update({name: setting.get() for name, setting in self.cfg.settings.items()})
        self._turn = threading.Lock()
        self._leaving: deque[TConn] = deque()
        super().init_process()

    def handle(self, conn: TConn):
        """Answer a request, and those that follow it at once. True: the connection is kept."""
        if not isinstance(conn.sock, Joining) and not self.cfg.is_ssl:
            conn.sock = Joining(conn.sock)
        kept = self._answered(conn)
        if kept is True and isinstance(conn.sock, Joining):
            conn.parser.mesg_class = NextRequest
        while kept is True and self.alive and self._is_next_here(conn):
            kept = self._answered(conn)
        return kept

    def finish_request(self, conn: TConn, fs) -> None:
        """gunicorn waits here, in the loop that serves all, for the client of an ended connection to close it."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._farewell, conn))
        except (OSError, ValueError):  # the client was faster
            self.nr_conns -= 1
            conn.close()
        else:
            conn.timeout = time.monotonic() + FAREWELL_S
            self._leaving.append(conn)

    def _farewell(self, conn: TConn, sock: socket.socket) -> None:
        """Read what a client still sends, until it closes."""
        with contextlib.suppress(OSError):
            if sock.recv(65536):
                return
        self._leaving.remove(conn)
        self._close(conn)

    def murder_pending(self) -> None:
        super().murder_pending()
        while self._leaving and self._leaving[0].timeout <= time.monotonic():
            self._close(self._leaving.popleft())

    def _close(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        # What is left of a body is drained under a time limit, to set which takes two system calls: 3 % of a request
        # that has left nothing.
        body = conn.parser.mesg.body
        if keepalive and getattr(body.reader, "length", None) == 0 and not body.failed:
            return True
        return super()._keepalive_after(conn, keepalive)

    def _answered(self, conn: TConn):
        turn = self._turn
        if not turn.acquire(timeout=LONGEST_TURN_S):  # one that takes long is waited for once, by nobody else
            turn = threading.Lock()
            turn.acquire()
            self._turn = turn
        try:
            kept = super().handle(conn)
            if isinstance(conn.sock, Joining):
                with contextlib.suppress(OSError):  # closed already, after a failure
                    conn.sock.send_head()
            return kept
        finally:
            turn.release()

    def _is_next_here(self, conn: TConn) -> bool:
        if not self.tpool._work_queue.empty():  # others wait for a thread
            return False
        if conn.parser.unreader.buf.getvalue():  # it came together with the last one
            return True
        _give_way()
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(LINGER_MS))
