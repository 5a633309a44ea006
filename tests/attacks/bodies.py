"""Bodies and heads that are too much: each must be refused soon, and cost no memory to speak of.

    python3 tests/attacks/bodies.py URL PID [BODY_BYTES_MAX]

PID is the engine's, whose resident memory is watched all the while; eight of each kind are sent at the same time.
Exits 1 when an answer is not a 4xx (or the connection cut, for what has no end), takes longer than
ONSALE_REFUSED_WITHIN_S seconds, or memory grows by more than 16 MiB over what allowed requests of the largest size
need. The former is 5 unless it is set, since in the gate the senders and a server built for tests share two cores; set
1 to judge a release build on a machine at rest.
"""

import concurrent.futures
import gzip
import json
import os
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

AT_ONCE = 8
SECONDS = float(os.environ.get("ONSALE_REFUSED_WITHIN_S", "5"))
GROWTH = 16 << 20

url, pid = urlsplit(sys.argv[1]), int(sys.argv[2])
limit = int(sys.argv[3]) if len(sys.argv) > 3 else 1 << 20
RESERVE = "/v1/events/concert-a/reservations"


def resident():
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


class Watch(threading.Thread):
    """The highest resident memory that was seen, looked at every 2 ms."""

    def __init__(self):
        super().__init__(daemon=True)
        self.highest, self.done = resident(), False
        self.start()

    def run(self):
        while not self.done:
            self.highest = max(self.highest, resident())
            time.sleep(0.002)


def head(path, lines, method="POST"):
    lines = [f"{method} {path} HTTP/1.1", "Host: onsale", *lines]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def whole(body, path=RESERVE, kind="application/json", method="POST", more=()):
    lines = [f"Content-Type: {kind}", f"Content-Length: {len(body)}", *more]
    return [head(path, lines, method), body]


def endless(path, kind, piece):
    """Chunks for as long as they are taken, at most 64 MiB; small ones many at a time, since the sender is slow."""
    yield head(path, [f"Content-Type: {kind}", "Transfer-Encoding: chunked"])
    together = max(1, 16384 // len(piece))
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
    yield from [chunk * together] * ((64 << 20) // len(piece) // together)


def deep(open_, close, times=10_000):
    return b'{"customer":' + open_ * times + b"1" + close * times + b',"lines":[]}'


KEYS = json.dumps({f"key{n}": n for n in range(100_000)}).encode()
NUMBERS = b'{"customer":"x","lines":[' + b",".join([b"1"] * 100_000) + b"]}"
LINES = b'{"customer":"x","lines":[' + b",".join([b'{"pool":"p","quantity":1}'] * 9_000) + b"]}"
TWICE = b'{' + b",".join([b'"customer":"x"'] * 15_000) + b'}'
BOMB = gzip.compress(b'{"customer":"' + b"x" * (64 << 20) + b'"}')
EVENT, ROOM = "/v1/events", "/v1/events/concert-a/waiting-room"
KINDS = [
    ("a body one byte too long", lambda: whole(b" " * (limit + 1))),
    ("a stated length of 10 GB", lambda: [head(RESERVE, ["Content-Length: 10000000000"]), b"{"]),
    ("endless chunks of JSON", lambda: endless(RESERVE, "application/json", b" " * 16384)),
    ("endless small chunks", lambda: endless(RESERVE, "application/json", b" " * 16)),
    ("endless string", lambda: endless(EVENT, "application/json", b'"' + b"x" * 16000)),
    ("endless line in bulk", lambda: endless(RESERVE + "/bulk", "application/x-ndjson", b"x" * 16384)),
    ("gzip bomb", lambda: whole(BOMB, more=["Content-Encoding: gzip"])),
    ("arrays, 10,000 deep", lambda: whole(deep(b"[", b"]"))),
    ("objects, 10,000 deep", lambda: whole(deep(b'{"a":', b"}"))),
    ("arrays, 10,000 deep, event", lambda: whole(deep(b"[", b"]"), EVENT)),
    ("arrays, 10,000 deep, room", lambda: whole(deep(b"[", b"]"), ROOM, method="PATCH")),
    ("100,000 keys", lambda: whole(KEYS)),
    ("100,000 keys, event", lambda: whole(KEYS, EVENT)),
    ("100,000 numbers", lambda: whole(NUMBERS)),
    ("9,000 lines", lambda: whole(LINES)),
    ("15,000 times the same key", lambda: whole(TWICE)),
    ("one head of 64 KiB", lambda: [head("/v1/events", ["X: " + "x" * 65536], "GET")]),
    ("1,000 heads", lambda: [head("/v1/events", [f"X-{n}: {'x' * 50}" for n in range(1000)], "GET")]),
    ("150 small heads", lambda: [head("/v1/events/concert-a/log", [f"X-{n}: y" for n in range(150)], "GET")]),
    ("a path of 64 KiB", lambda: [head("/v1/events/" + "x" * 65536, [], "GET")]),
    ("a method of 64 KiB", lambda: [head("/v1/events", [], "X" * 65536)]),
    ("endless head", lambda: [b"GET / HTTP/1.1\r\n"] + [b"X: " + b"x" * 1000 + b"\r\n"] * 10_000),
]


def attack(pieces):
    """Status (or `cut`) and seconds until it was there, from when there was reason for it."""
    with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
        started, heard = time.monotonic(), b""
        connection.settimeout(5)
        sent = 0
        try:
            for piece in pieces:
                if sent < limit:
                    started = time.monotonic()
                connection.sendall(piece)
                sent += len(piece)
                connection.setblocking(False)
                try:
                    more = connection.recv(4096)
                    heard += more
                    # A bulk answer begins before there is an outcome: that is no reason to stop.
                    if not more or b"ndjson" not in heard or b'"status"' in heard:
                        break
                except (BlockingIOError, InterruptedError):
                    connection.settimeout(5)
            connection.settimeout(5)
            while not heard or (b"ndjson" in heard and b'"status"' not in heard):
                more = connection.recv(4096)
                if not more:
                    break
                heard += more
        except TimeoutError:
            return "silence", time.monotonic() - started, sent
        except OSError:
            # What was said before the cut may still be there.
            try:
                heard = heard or connection.recv(4096)
            except OSError:
                pass
        told = heard[9:12].decode("latin-1") if heard.startswith(b"HTTP/1.") else "cut"
        # Of many outcomes: the one of the line that was too much.
        if b"ndjson" in heard and b'"status":4' in heard:
            told = heard.split(b'"status":')[1][:3].decode("latin-1")
        return told, time.monotonic() - started, sent


def ordinary(pool):
    """What is allowed, as large as it may be: memory that this needs is no growth."""
    small = b'{"customer":"x","lines":[{"pool":"standing","quantity":1}]}'
    lines = b'{"customer":"x","lines":[' + b",".join([b'{"pool":"standing","quantity":1}'] * 100) + b"]}"
    for body in (small, lines, small.ljust(limit), lines.ljust(limit), b'"' + b"x" * (limit - 2) + b'"'):
        for path in (RESERVE, EVENT, RESERVE.replace("reservations", "bookings")):
            list(pool.map(lambda _: attack(whole(body, path)), range(4 * AT_ONCE)))
    attack([head("/v1/events", [], "GET")])


def main():
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        cold = resident()
        ordinary(pool)
        base = resident()
        print(f"after what is allowed {base / 2**20:.1f} MiB, before {cold / 2**20:.1f} MiB")
        for what, make in KINDS:
            watch = Watch()
            answers = list(pool.map(lambda _: attack(make()), range(AT_ONCE)))
            watch.done = True
            watch.join()
            statuses = sorted({told for told, _, _ in answers})
            slowest = max(seconds for _, seconds, _ in answers)
            growth = watch.highest - base
            sent = max(sent for _, _, sent in answers)
            print(f"{what:30} {'/'.join(statuses):12} {slowest * 1000:7.0f} ms  {sent >> 10:6} KiB sent"
                  f"  memory {growth / 2**20:+6.1f} MiB")
            # Of a stream behind a proxy the last outcome may be lost (200), or the proxy says 503, since nobody knows how
            # much of it was taken. What counts is that it ends.
            bad = [s for s in statuses
                   if not (s.startswith("4") or s == "cut" or ("bulk" in what and s in ("200", "503")))]
            if bad:
                wrong.append(f"{what}: {bad}")
            if slowest > SECONDS:
                wrong.append(f"{what}: {slowest:.2f} s")
            if growth > GROWTH:
                wrong.append(f"{what}: memory grew by {growth >> 20} MiB")
    print(f"after all of them memory {(resident() - base) / 2**20:+.1f} MiB")
    for line in wrong:
        print("WRONG:", line)
    return not wrong


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
