"""Buyers who must not notice that an engine is taken away, for HAProxy with two engines.

    python3 tests/proxies/drain.py URL SECONDS BUYERS

Each buyer reserves again and again, with a key for each wish, over a connection that is kept, and never asks twice:
whatever is not a 201 has failed. Prints the units that were taken and the longest wait. Exits 1 if one failed.
"""

import http.client
import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

url, seconds, buyers = urlsplit(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
taken, failed, longest = [0] * buyers, [], [0.0] * buyers


def buy(buyer):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    end, wish = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        wish += 1
        name, began = f"drain-{os.getpid()}-{buyer}-{wish}", time.monotonic()
        body = json.dumps({"customer": name, "lines": [{"pool": "standing", "quantity": 1}]})
        try:
            connection.request("POST", "/v1/events/drain/reservations", body,
                               {"Content-Type": "application/json", "Idempotency-Key": name})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 201:
                taken[buyer] += 1
            else:
                failed.append(f"{answer.status} {text[:150]!r}")
        except (OSError, http.client.HTTPException) as error:
            failed.append(repr(error))
            connection.close()
        longest[buyer] = max(longest[buyer], time.monotonic() - began)
        time.sleep(0.005)


threads = [threading.Thread(target=buy, args=(buyer,)) for buyer in range(buyers)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"taken {sum(taken)}, failed {len(failed)}, longest {max(longest):.3f} s")
for line in failed[:5]:
    print("WRONG:", line)
sys.exit(1 if failed else 0)
