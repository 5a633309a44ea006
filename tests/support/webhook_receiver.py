"""A receiver for tests/webhooks.sh that lets the official library decide, and tries to fool it.

Usage: webhook_receiver.py SECRET READY LOG
Answers 204 to what the library takes and 400 to what it refuses; writes one line for each to LOG: its id,
what became of it, and its type.
"""

import http.server
import json
import pathlib
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

secret, ready, log = sys.argv[1:]
library = Webhook(secret)


def taken(body, headers):
    try:
        told = library.verify(body, headers)
        # What the specification wants in each.
        return {"type", "data"} <= told.keys()
    except WebhookVerificationError:
        return False


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = dict(self.headers)
        good = taken(body, headers)
        # Whatever was taken must not be taken with one thing changed.
        changed = [
            (body.replace(b'"data"', b'"date"'), headers),
            (body, {**headers, "webhook-id": "msg_other"}),
            (body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
            (body, {**headers, "webhook-signature": "v1,"}),
        ]
        fooled = good and any(taken(*each) for each in changed)
        with open(log, "a") as lines:
            outcome = "fooled" if fooled else "taken" if good else "refused"
            print(headers["webhook-id"], outcome, json.loads(body)["type"], file=lines)
        self.send_response(204 if good and not fooled else 400)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
pathlib.Path(ready).write_text(f"{server.server_port}\n")
server.serve_forever()
