"""The way to an agent: lines over a socket, each by a deadline."""

import select
import socket
import time
from collections.abc import Callable

from mmapkit.errors import MachineLost


class Stream:
    """Lines over a connected socket.

    attend() is called before the other end is needed.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = bytearray()
        self.attend: Callable[[], None] = lambda: None

    def write(self, data: bytes, deadline: float) -> None:
        """Send all of it before deadline, a time.monotonic()."""
        self.attend()
        view = memoryview(data)
        while view:
            self._wait(deadline, write=True)
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                continue
            except OSError as err:
                raise MachineLost(f"the agent does not listen: {err}") from err

    def read_line(self, deadline: float) -> str:
        """Return the next line without its end; MachineLost when none comes."""
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = self._buffer[:end].decode(errors="replace")
                del self._buffer[: end + 1]
                return line
            self.attend()
            self._wait(deadline, write=False)
            try:
                data = self._sock.recv(1 << 16)
            except BlockingIOError:
                continue
            except OSError as err:
                raise MachineLost(f"the agent cannot be heard: {err}") from err
            if not data:
                raise MachineLost("the agent is gone")
            self._buffer += data

    def _wait(self, deadline: float, *, write: bool) -> None:
        if self._sock.fileno() < 0:
            raise MachineLost("the machine has been given up")
        wanted = [self._sock]
        left = max(0.0, deadline - time.monotonic())
        ready = select.select(
            [] if write else wanted, wanted if write else [], [], left
        )
        if not (ready[0] or ready[1]):
            raise MachineLost("the agent is silent", silent=True)

    def close(self) -> None:
        self._sock.close()
