"""Slow clients in thousands, and what others feel of them.

    python3 tests/attacks/slow.py KIND URL PORT CONNECTIONS

KIND is `headers`, `body` or `read`. slowhttptest opens CONNECTIONS to URL, while one honest client asks and reserves
50 times a second over connections of its own, before and during the attack. Server-side connections are counted from
the kernel's table at PORT. Exits 1 unless the attack was there (9 of 10 connections, in all), no connection lasted longer
than 10 s, and the honest 99th percentile at most doubled, or stayed below ONSALE_NOISE_MS: 250 unless it is set, since in the
gate thousands of attackers, the honest one and a server built for tests share two cores. Set 10 to judge a release
build on a machine at rest.
"""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

CALM, PACE = 6.0, 0.02  # seconds of the base line; seconds between two honest requests
GONE_WITHIN, NOISE = 10.0, float(os.environ.get("ONSALE_NOISE_MS", "250")) / 1000
OPTIONS = {
    # A byte or so each second, well within what a timer between two reads would allow.
    "headers": ["-H", "-i", "1"],
    "body": ["-B", "-i", "1", "-s", "8192", "-t", "POST", "-f", "application/json"],
    # Five bytes each second of a large answer, with a window of 10 to 20 bytes.
    "read": ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "5", "-k", "1"],
}
PATHS = {"headers": "/v1/events", "body": "/v1/events/concert-a/reservations", "read": "/openapi.json"}

kind, url, port, connections = sys.argv[1], urlsplit(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])


def open_at_server():
    """The other ends of established connections whose local end is the server's port."""
    wanted, found = f":{port:04X}", set()
    with open("/proc/net/tcp") as file:
        for line in file:
            parts = line.split(None, 4)
            if parts[3] == "01" and parts[1].endswith(wanted):
                found.add(parts[2])
    return found


class Honest(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.took, self.failed, self.done = [], [], False
        self.start()

    def run(self):
        connection, number, due = None, 0, time.monotonic()
        while not self.done:
            due += PACE
            time.sleep(max(0.0, due - time.monotonic()))
            began, number = time.monotonic(), number + 1
            try:
                # Every tenth comes anew, as buyers do.
                if connection is None or number % 10 == 0:
                    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
                if number % 2:
                    connection.request("GET", "/v1/events/concert-a/availability")
                else:
                    body = json.dumps({"customer": f"honest-{os.getpid()}-{number}",
                                       "lines": [{"pool": "standing", "quantity": 1}]})
                    connection.request("POST", "/v1/events/concert-a/reservations", body,
                                       {"Content-Type": "application/json",
                                        "Idempotency-Key": f"honest-{os.getpid()}-{number}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status not in (200, 201, 304):
                    self.failed.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection = None
            self.took.append(time.monotonic() - began)

    def end(self):
        self.done = True
        self.join()
        took = sorted(self.took)
        return took[len(took) * 99 // 100], took[len(took) // 2], len(took), self.failed


def main():
    honest = Honest()
    time.sleep(CALM)
    calm, calm_median, n, failed = honest.end()
    print(f"{kind}: calm    p50 {calm_median * 1000:6.2f} ms  p99 {calm * 1000:6.2f} ms  of {n}")
    honest = Honest()
    # The attackers' own time is not the server's: in earnest they are elsewhere.
    attack = subprocess.Popen(
        ["nice", "-n", "10", "slowhttptest", "-c", str(connections), *OPTIONS[kind], "-r", "2000", "-l", "30", "-p", "3",
         "-u", f"{url.geturl()}{PATHS[kind]}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Ports are used again: a connection is one as long as it is there each time.
    began, since, came, peak, longest = time.monotonic(), {}, 0, 0, 0.0
    while attack.poll() is None and time.monotonic() - began < 40:
        now, seen = time.monotonic() - began, open_at_server()
        came += len(seen - since.keys())
        since = {end: since.get(end, now) for end in seen}
        peak = max(peak, len(seen))
        longest = max([longest, *(now - start for start in since.values())])
        if came >= connections and len(seen) < 5:
            break
        time.sleep(0.4)
    attack.kill()
    attack.wait()
    stormy, stormy_median, n, failed_then = honest.end()
    print(f"{kind}: attack  p50 {stormy_median * 1000:6.2f} ms  p99 {stormy * 1000:6.2f} ms  of {n}; "
          f"{came} connections, {peak} at once, none longer than {longest:.1f} s")
    wrong = [f"honest requests failed: {each[:3]}" for each in (failed, failed_then) if each]
    if came < connections * 9 // 10 or peak < connections // 4:
        wrong.append(f"the attack was not there: {came} connections, {peak} at once")
    if longest > GONE_WITHIN:
        wrong.append(f"a slow connection lasted {longest:.1f} s")
    if stormy > max(2 * calm, NOISE):
        wrong.append("the honest p99 more than doubled")
    for line in wrong:
        print("WRONG:", kind, line)
    return not wrong


sys.exit(0 if main() else 1)
