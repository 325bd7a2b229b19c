"""A slow link in front of the broker, in user space: `python -m tests.benchmarks.slow_link PORT MEGABITS`.

All connections share what goes to the broker, packet by packet and in turn, as stations share a Wi-Fi; what comes back
is not slowed. It holds little itself: what waits, waits in its sender, where the benchmark wants to see it.
Prints its own port when it listens.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections import deque

PACKET = 1448
"""Bytes of a TCP segment on an Ethernet."""
HELD_BYTES = 8192
"""What the kernel may hold here for a sender (it doubles this); a radio's queue is of this size."""
LATE_S = 0.005
"""What this process may make up for when it was not given a processor in time."""
LONGEST_WAIT_S = 0.5


class Connection:
    """A client's socket and the one to the broker."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near = near
        self.far = far
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def serve(listener: socket.socket, port: int, bits_per_second: float) -> None:
    """Carry until killed."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    near: dict[int, Connection] = {}
    far: dict[int, Connection] = {}
    turn: deque[int] = deque()  # those that have something to send, in their order
    free_at = 0.0
    while True:
        wait_s = max(0.0, free_at - time.monotonic()) if turn else LONGEST_WAIT_S
        for number, _ in poll.poll(wait_s * 1000):
            if number == listener.fileno():
                client, _ = listener.accept()
                both = Connection(client, socket.create_connection(("127.0.0.1", port)))
                near[client.fileno()], far[both.far.fileno()] = both, both
                poll.register(client, select.POLLIN)
                poll.register(both.far, select.POLLIN)
            elif number in near:
                turn.append(number)
                poll.unregister(number)  # it is in the queue now
            elif number in far and not carry(far[number].far, far[number].near, 65_536):
                close(far[number], poll, near, far)
        now = time.monotonic()
        if not turn or now < free_at:
            continue
        number = turn.popleft()
        if number not in near:
            continue
        sent = carry(near[number].near, near[number].far, PACKET)
        if not sent:
            close(near[number], poll, near, far)
            continue
        free_at = max(free_at, now - LATE_S) + sent * 8 / bits_per_second
        poll.register(number, select.POLLIN)


def carry(source: socket.socket, target: socket.socket, most: int) -> int:
    """Carry what is there; 0 when the source has ended."""
    try:
        data = source.recv(most)
        target.sendall(data)
    except OSError:
        return 0
    return len(data)


def close(both: Connection, poll: select.poll, near: dict[int, Connection], far: dict[int, Connection]) -> None:
    """Close both ends."""
    near.pop(both.near.fileno(), None)
    far.pop(both.far.fileno(), None)
    for end in (both.near, both.far):
        try:
            poll.unregister(end)
        except KeyError:
            continue  # it stood in the queue
    both.near.close()
    both.far.close()


def main() -> None:
    """Listen, say where, carry."""
    port, megabits = int(sys.argv[1]), float(sys.argv[2])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD_BYTES)  # its connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, PACKET)  # the loopback's own would be 64 kB
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        print(listener.getsockname()[1], flush=True)
        serve(listener, port, megabits * 1e6)


if __name__ == "__main__":
    main()
