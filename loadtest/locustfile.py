"""Fans for Locust: look at what is left, reserve, sometimes give back.

    locust -f loadtest/locustfile.py --host http://127.0.0.1:8080
    locust -f loadtest/locustfile.py --host http://127.0.0.1:8080 --headless -u 50 -r 50 -t 20s

ONSALE_EVENT and ONSALE_POOL choose what is bought, by default the demo event. A refusal (409) is an answer
and no failure. At the end the event's counts are added up; Locust then exits 1 if they do not match.
"""

import logging
import os
import time
import uuid

import requests
from locust import FastHttpUser, between, events, task

EVENT = os.environ.get("ONSALE_EVENT", "concert-a")
POOL = os.environ.get("ONSALE_POOL", "standing")
RESERVATIONS = f"/v1/events/{EVENT}/reservations"
TRIES_MAX = 5


class Fan(FastHttpUser):
    """Somebody at the ticket page."""

    wait_time = between(0.1, 0.5)

    def on_start(self):
        self.customer = f"locust-{uuid.uuid4()}"

    @task(3)
    def reserve(self):
        """Asks once, and repeats the same question while the server is busy or does not know."""
        key = str(uuid.uuid4())
        body = {"customer": self.customer, "lines": [{"pool": POOL, "quantity": 1}]}
        for _ in range(TRIES_MAX):
            with self.client.post(
                RESERVATIONS,
                json=body,
                headers={"Idempotency-Key": key},
                name="reserve",
                catch_response=True,
            ) as answer:
                if answer.status_code in (201, 409):
                    answer.success()
                if answer.status_code not in (429, 503):
                    break
                pause = float(answer.headers.get("Retry-After", "1"))
            time.sleep(pause)
        if answer.status_code == 201 and uuid.uuid4().int % 10 == 0:
            self.give_back(answer.json()["id"])

    @task(1)
    def look(self):
        """Reads what is left, as the page does."""
        self.client.get(f"/v1/events/{EVENT}/availability", name="availability")

    def give_back(self, reservation):
        """Changes their mind."""
        self.client.delete(f"{RESERVATIONS}/{reservation}", name="give back")


@events.test_stop.add_listener
def counts_add_up(environment, **_):
    """Holds the event's counts against its capacity."""
    answer = requests.get(f"{environment.host}/v1/events/{EVENT}/availability", timeout=10)
    answer.raise_for_status()
    for pool in answer.json()["pools"]:
        total = sum(pool[count] for count in ("available", "held", "sold", "blocked"))
        if total != pool["capacity"]:
            logging.error("counts of pool %s do not add up: %s", pool["id"], pool)
            environment.process_exit_code = 1
