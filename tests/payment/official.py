"""The official `stripe` package beside our code: signs, judges, and calls the stand-in. See tests/stripe.sh."""

import json
import sys
import time

import stripe

BODY = json.dumps({
    "id": "evt_1", "object": "event", "type": "payment_intent.succeeded",
    "data": {"object": {"id": "pi_ü", "object": "payment_intent", "status": "succeeded", "amount": 4500,
                        "currency": "eur", "metadata": {"event": "a", "booking": "b", "attempt": "1"}}},
}, ensure_ascii=False)


def signature(secret, body, at):
    """As the package makes it: the parts of its own test helper."""
    tag = stripe.WebhookSignature._compute_signature(f"{at}.{body}", secret)
    return f"t={at},v1={tag}"


def is_believed(secret, header, body):
    try:
        event = stripe.Webhook.construct_event(body.encode(), header, secret)
        return event["id"] == "evt_1"
    except stripe.SignatureVerificationError:
        return False


def sign(path):
    """Writes signatures of the package, some of them spoilt, with its own verdict on each."""
    now = int(time.time())
    fresh = signature("whsec_a", BODY, now)
    other = signature("whsec_b", BODY, now)
    tag = fresh.split("v1=")[1]
    cases = [
        ("fresh", ["whsec_a"], fresh, BODY),
        ("some minutes old", ["whsec_a"], signature("whsec_a", BODY, now - 250), BODY),
        ("two signatures, the second is ours", ["whsec_a"], f"{other},v1={tag}", BODY),
        ("with an old scheme beside it", ["whsec_a"], f"{fresh},v0=6ffbb59b2300aae63f272406069a9788", BODY),
        ("the new one of two secrets", ["whsec_b", "whsec_a"], fresh, BODY),
        ("stale", ["whsec_a"], signature("whsec_a", BODY, now - 400), BODY),
        ("another secret", ["whsec_b"], fresh, BODY),
        ("another body", ["whsec_a"], fresh, BODY.replace("4500", "4501")),
        ("a blank more", ["whsec_a"], fresh, BODY + " "),
        ("another time", ["whsec_a"], fresh.replace(f"t={now}", f"t={now - 1}"), BODY),
        ("the old scheme only", ["whsec_a"], fresh.replace("v1=", "v0="), BODY),
        ("no time", ["whsec_a"], f"v1={tag}", BODY),
        ("cut", ["whsec_a"], fresh[:-1], BODY),
    ]
    vectors = [{
        "name": name, "secrets": secrets, "header": header, "body": body, "now_s": now,
        "believed": any(is_believed(secret, header, body) for secret in secrets),
    } for name, secrets, header, body in cases]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(vectors, file)


def judge(path):
    """Judges ours."""
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    assert {vector["believed"] for vector in vectors} == {True, False}
    for vector in vectors:
        verdict = is_believed(vector["secret"], vector["header"], vector["body"])
        assert verdict == vector["believed"], (vector["name"], verdict)
        print(f"{vector['name']}: {'believed' if verdict else 'refused'}")


def client(url):
    """Makes our calls with the package. The stand-in was told to fail the first two."""
    stripe.api_key = "sk_test_stand_in"
    stripe.api_base = url
    stripe.api_version = "2025-03-31.basil"
    stripe.max_network_retries = 0

    def pay(key, card, amount=4500):
        return stripe.PaymentIntent.create(
            amount=amount, currency="eur", payment_method=card, confirm=True, error_on_requires_action=True,
            payment_method_types=["card"], metadata={"event": "a", "booking": "b", "attempt": "1"},
            idempotency_key=key)

    def must_raise(kind, *arguments):
        try:
            pay(*arguments)
        except kind as error:
            return error
        raise AssertionError(f"{kind} was not raised")

    must_raise(stripe.RateLimitError, "k0", "pm_card_visa")
    must_raise(stripe.APIError, "k500", "pm_card_visa")
    intent = pay("k1", "pm_card_visa")
    assert intent.status == "succeeded" and intent.amount == 4500, intent
    assert pay("k1", "pm_card_visa").id == intent.id
    must_raise(stripe.IdempotencyError, "k1", "pm_card_visa", 1)
    error = must_raise(stripe.CardError, "k2", "pm_card_chargeDeclinedInsufficientFunds")
    assert error.code == "card_declined" and error.error.decline_code == "insufficient_funds"
    error = must_raise(stripe.InvalidRequestError, "k3", "pm_unknown")
    assert error.code == "resource_missing" and error.param == "payment_method"
    assert stripe.PaymentIntent.retrieve(intent.id).metadata["booking"] == "b"
    found = stripe.PaymentIntent.search(query="metadata['event']:'a' AND metadata['booking']:'b'")
    assert intent.id in [item.id for item in found.data]
    refund = stripe.Refund.create(payment_intent=intent.id, amount=4500, idempotency_key="r1",
                                  metadata={"event": "a", "booking": "b", "attempt": "1"})
    assert refund.status == "succeeded", refund
    listed = stripe.Refund.list(payment_intent=intent.id, limit=100)
    assert not listed.has_more and [item.id for item in listed.data] == [refund.id], listed
    assert listed.data[0].status == "succeeded" and listed.data[0].currency == "eur", listed
    error = None
    try:
        stripe.Refund.list(payment_intent="pi_none")
    except stripe.InvalidRequestError as raised:
        error = raised
    assert error and error.http_status == 404 and error.code == "resource_missing", error
    print("the package understands the stand-in")


{"sign": sign, "judge": judge, "client": client}[sys.argv[1]](sys.argv[2])
