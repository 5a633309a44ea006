"""A server that reads lengths as attackers wish: it shows that tests/attacks/smuggling.py can fail. Prints its
port. It believes any line with "chunked" in it, takes what it cannot read for 0, and never hangs up."""

import re
import socket
import socketserver

events = set()


class Naive(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self):
        while True:
            first = self.rfile.readline()
            if not first:
                return
            lines = []
            while (line := self.rfile.readline()).strip():
                lines.append(line.lower())
            head = b"".join(lines)
            if b"chunked" in head:
                size = int(re.match(rb"[0-9a-f]*", self.rfile.readline()).group() or b"0", 16) % 2**32
                body = self.rfile.read(size)
                self.rfile.readline()
            else:
                found = re.search(rb"content-length: *(\d+)", head)
                body = self.rfile.read(int(found.group(1)) % 2**32 if found else 0)
            self.answer(first.split(), body, head)

    def answer(self, first, body, head):
        made = re.search(rb'"id": "([a-z0-9-]+)"', body)
        status = 200
        if first[:2] == [b"POST", b"/v1/events"] and made:
            events.add(made.group(1))
        elif first[0] == b"GET":
            status = 200 if first[1].rsplit(b"/", 1)[1] in events else 404
        close = b"connection: close" in head
        self.wfile.write(b"HTTP/1.1 %d x\r\nX: %s\r\nContent-Length: 0\r\n\r\n" % (status, head.replace(b"\r\n", b" ")))
        if close:
            self.connection.shutdown(socket.SHUT_RDWR)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


with Server(("127.0.0.1", 0), Naive) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
