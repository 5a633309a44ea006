"""Request smuggling: 40 requests whose length can be read in two ways, each with a second request inside.

    python3 tests/attacks/smuggling.py NAME URL ORIGIN

Sends them to URL (http, or https with HTTP/2 for the last four) and asks ORIGIN, the engine itself, whether any of
the second requests ran: each would create an event of its own. A pair that everybody reads alike must create both
its events, else nothing was proven. After each case three readers with ids of their own must get their own answers.
Exits 1 if a second request ran, a reader got somebody else's answer, or the pair did not run.
"""

import concurrent.futures
import json
import socket
import ssl
import struct
import sys
import time
import urllib.request
from urllib.parse import urlsplit

QUIET = 0.7  # seconds without an answer after which no more is expected
READERS = 3


def second(event):
    """The request that must never run."""
    body = json.dumps({
        "id": event,
        "name": "smuggled",
        "pools": [{"id": "p", "name": "p", "kind": "general", "capacity": 1,
                   "price": {"amount": 1, "currency": "EUR"}}],
    })
    head = f"POST /v1/events HTTP/1.1\r\nHost: onsale\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def request(lines, body, line="POST /v1/events/concert-a/reservations HTTP/1.1"):
    """`lines` are raw heads without their CRLF; latin-1, so that every byte can be said."""
    head = "\r\n".join([line, "Host: onsale", "Content-Type: application/json", *lines])
    return head.encode("latin-1") + b"\r\n\r\n" + body


def both(te, order="cl-first"):
    """Covered by Content-Length; who heeds the (crooked) Transfer-Encoding sees a second request."""
    def make(s):
        body = b"0\r\n\r\n" + s
        lines = [f"Content-Length: {len(body)}", te]
        return request(lines if order == "cl-first" else lines[::-1], body)
    return make


def inside(order):
    """The other way round: within the one chunk; who heeds Content-Length sees it after four bytes."""
    def make(s):
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(s), s)
        lines = ["Content-Length: 4", "Transfer-Encoding: chunked"]
        return request(lines if order == "cl-first" else lines[::-1], body)
    return make


def length(*lines):
    """Lengths that one reader takes for nothing and another for the whole; %d is the whole."""
    return lambda s: request([line.replace("%d", str(len(s))) for line in lines], s)


def chunks(body):
    """A chunked body that a lenient reader ends early; %s is the second request."""
    return lambda s: request(["Transfer-Encoding: chunked"], body.replace(b"%s", s))


def ten(te):
    def make(s):
        body = b"0\r\n\r\n" + s
        line = "POST /v1/events/concert-a/reservations HTTP/1.0"
        return request([f"Content-Length: {len(body)}", te, "Connection: keep-alive"], body, line)
    return make


def fat_get(s):
    return request([f"Content-Length: {len(s)}"], s, "GET /v1/events/concert-a HTTP/1.1")


def expect(s):
    body = b"0\r\n\r\n" + s
    lines = [f"Content-Length: {len(body)}", "Expect: 100-continue", "Transfer-Encoding: chunked"]
    return request(lines, body)


HTTP_1 = [
    ("length, then chunked", both("Transfer-Encoding: chunked")),
    ("chunked, then length", both("Transfer-Encoding: chunked", "te-first")),
    ("length and CHUNKED", both("Transfer-Encoding: CHUNKED")),
    ("inside of a chunk, length first", inside("cl-first")),
    ("inside of a chunk, length last", inside("te-first")),
    ("xchunked", both("Transfer-Encoding: xchunked")),
    ("blank before the colon", both("Transfer-Encoding : chunked")),
    ("tab before the coding", both("Transfer-Encoding:\tchunked")),
    ("vertical tab before the coding", both("Transfer-Encoding: \x0bchunked")),
    ("folded line", both("Transfer-Encoding:\r\n chunked")),
    ("bare LF before it", both("X: y\nTransfer-Encoding: chunked")),
    ("bare CR before it", both("X: y\rTransfer-Encoding: chunked")),
    ("NUL in the name", both("Transfer-Encoding\0: chunked")),
    ("chunked, then identity", both("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")),
    ("identity, then chunked", both("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked")),
    ("identity and chunked", both("Transfer-Encoding: identity, chunked")),
    ("chunked and identity", both("Transfer-Encoding: chunked, identity")),
    ("quoted", both('Transfer-Encoding: "chunked"')),
    ("with a parameter", both("Transfer-Encoding: chunked;q=1")),
    ("underscore", both("Transfer_Encoding: chunked")),
    ("blank before the name", both(" Transfer-Encoding: chunked")),
    ("HTTP/1.0", ten("Transfer-Encoding: chunked")),
    ("two lengths, small first", length("Content-Length: 0", "Content-Length: %d")),
    ("two lengths, large first", length("Content-Length: %d", "Content-Length: 0")),
    ("a list of lengths", length("Content-Length: 0, %d")),
    ("length with a sign", length("Content-Length: +0")),
    ("negative length", length("Content-Length: -1")),
    ("hexadecimal length", length("Content-Length: 0x0")),
    ("length past 2^64", length("Content-Length: 18446744073709551616")),
    ("length, blank before the colon", length("Content-Length : 0", "Content-Length: %d")),
    ("chunk of 2^68 bytes", chunks(b"100000000000000000\r\n\r\n%s")),
    ("chunk of 0x0", chunks(b"0x0\r\n\r\n%s")),
    ("chunk of -1", chunks(b"-1\r\n\r\n%s")),
    ("chunk extension with a line", chunks(b"2;\nxx\r\n0\r\n\r\n%s")),
    ("length in a GET", fat_get),
    ("expectation", expect),
]


# HTTP/2 by hand, as libraries refuse to send what an attacker sends.

def hpack(name, value):
    """A literal that is in no table, without Huffman."""
    def text(t):
        n = len(t)
        if n < 127:
            return bytes([n]) + t
        out, n = b"\x7f", n - 127
        while n >= 128:
            out, n = out + bytes([n % 128 + 128]), n // 128
        return out + bytes([n]) + t
    return b"\x00" + text(name) + text(value)


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def h2(headers, body):
    block = b"".join(hpack(name, value) for name, value in headers)
    start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    return start + frame(1, 4, 1, block) + frame(0, 1, 1, body)


def h2_request(extra, body, path=b"/v1/events/concert-a/reservations"):
    return h2([(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"onsale"), (b":path", path),
               (b"content-type", b"application/json"), *extra], body)


HTTP_2 = [
    ("lines in a value", lambda s: h2_request([(b"x", b"y\r\nContent-Length: 2\r\n\r\n{}" + s)], b"")),
    ("lines in a path", lambda s: h2_request([], b"", b"/v1/events HTTP/1.1\r\nHost: onsale\r\n\r\n" + s)),
    ("chunked", lambda s: h2_request([(b"transfer-encoding", b"chunked")], b"0\r\n\r\n" + s)),
    ("length of nothing", lambda s: h2_request([(b"content-length", b"0")], s)),
]


class Target:
    def __init__(self, url):
        parts = urlsplit(url)
        self.tls, self.address = parts.scheme == "https", (parts.hostname, parts.port)

    def connect(self, protocol="http/1.1"):
        plain = socket.create_connection(self.address, timeout=5)
        if not self.tls:
            return plain
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols([protocol])
        return context.wrap_socket(plain, server_hostname="onsale")

    def send(self, data, protocol="http/1.1", quiet=QUIET):
        """What came back until the connection ended or was quiet, and whether it ended."""
        with self.connect(protocol) as connection:
            heard, ended = b"", False
            try:
                connection.sendall(data)
                connection.settimeout(quiet)
                while True:
                    piece = connection.recv(65536)
                    if not piece:
                        ended = True
                        break
                    heard += piece
            except TimeoutError:
                pass
            except OSError:
                ended = True
            return heard, ended


def get(origin, path):
    try:
        with urllib.request.urlopen(origin + path, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def status(heard):
    if heard.startswith(b"HTTP/1."):
        return heard[9:12].decode("latin-1")
    return f"{len(heard)} bytes" if heard else "nothing"


def readers(target, name):
    """Whether each gets its own answer, over a connection of its own."""
    for n in range(READERS):
        mine = f"reader-{name}-{n}-{time.monotonic_ns()}"
        head = f"GET /v1/events/concert-a/bookings/{n} HTTP/1.1\r\nHost: onsale\r\nX-Request-Id: {mine}\r\nConnection: close\r\n\r\n"
        heard, _ = target.send(head.encode(), quiet=10)
        if mine.encode() not in heard:
            return f"a reader with the id {mine} was told {heard[:300]!r}"
    return None


def run(name, target, origin):
    wrong = []
    first, pair = f"{name}-first", f"{name}-pair"
    heard, _ = target.send(second(first) + second(pair), quiet=3)
    if get(origin, f"/v1/events/{first}") != 200 or get(origin, f"/v1/events/{pair}") != 200:
        wrong.append(f"an honest pair did not run: {heard[:300]!r}")
    if target.tls:
        body = second(f"{name}-h2").split(b"\r\n\r\n")[1]
        heard, _ = target.send(h2_request([], body, b"/v1/events"), "h2")
        if get(origin, f"/v1/events/{name}-h2") != 200:
            wrong.append(f"honest HTTP/2 did not run: {heard[:300]!r}")

    def one(numbered):
        number, (what, make, protocol) = numbered
        event = f"{name}-smuggled-{number}"
        heard, ended = target.send(make(second(event)), protocol)
        swapped = readers(target, number)
        ran = get(origin, f"/v1/events/{event}") != 404
        return number, what, status(heard), ended, ran, swapped

    cases = [(what, make, "http/1.1") for what, make in HTTP_1]
    cases += [("HTTP/2: " + what, make, "h2") for what, make in HTTP_2]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number, what, told, ended, ran, swapped in pool.map(one, enumerate(cases, 1)):
            verdict = "RAN" if ran else "SWAPPED" if swapped else "ok"
            print(f"{name:8} {number:3} {what:34} {told:10} {'closed' if ended else 'open':7} {verdict}")
            if ran:
                wrong.append(f"{what}: the second request ran")
            if swapped:
                wrong.append(f"{what}: {swapped}")
    # Later than any of them could be.
    late = [n for n in range(1, len(cases) + 1) if get(origin, f"/v1/events/{name}-smuggled-{n}") != 404]
    wrong += [f"case {n} ran" for n in late]
    print(f"{name}: {len(cases)} cases, {len(late)} second requests ran, {len(wrong)} wrong")
    for line in wrong:
        print("WRONG:", line)
    return not wrong


if __name__ == "__main__":
    sys.exit(0 if run(sys.argv[1], Target(sys.argv[2]), sys.argv[3]) else 1)
