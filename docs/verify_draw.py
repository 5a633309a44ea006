#!/usr/bin/env python3
"""Computes a published draw of an onsale waiting room anew, and says what of it holds.

    python3 verify_draw.py FILE

FILE is what GET .../waiting-room/draw gave, and below it what GET .../waiting-room/draw/entries gave.
Nothing but Python 3.8 or newer is needed: no network, no package. Exit code 0: the draw holds. 1: it does
not, or the file is not one of a draw.

The algorithm is told in waiting-room-draw.md. This is written from that page, not from onsale's own verifier
(`onsale verify-draw`), which says the same, word for word.
"""

import hashlib
import hmac
import json
import re
import sys
import unicodedata

FORMAT = "onsale-draw-1"
HEAD_BYTES_MAX = 65536
ENTRY_BYTES_MAX = 64
NUMBER_MAX = 2**32 - 1
ENTRY = re.compile(rb"(0|[1-9][0-9]{0,9}) ([012]) ([0-9a-f]{16}) (0|[1-9][0-9]{0,9})")


class BadFile(Exception):
    """The file is not one of a draw."""


# The algorithm.


def sha256(message):
    return hashlib.sha256(message).digest()


def leaf(number, tier, fingerprint):
    message = b"\x00onsale-entry-v1" + number.to_bytes(4, "big") + bytes([tier])
    return sha256(message + fingerprint.to_bytes(8, "big"))


def root_of(leaves):
    """The Merkle tree hash of RFC 6962: neighbours are joined, a last one alone goes up as it is."""
    level = leaves
    if not level:
        return sha256(b"")
    while 1 < len(level):
        above = [sha256(b"\x01" + level[at] + level[at + 1]) for at in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def seed_of(secret, beacon, root, count):
    message = b"onsale-draw-seed-v1" + (beacon or "").encode() + root + count.to_bytes(8, "big")
    return hmac.new(secret, message, hashlib.sha256).digest()


def words(seed, tier):
    """64-bit numbers without end."""
    counter = 0
    while True:
        block = sha256(seed + bytes([tier]) + counter.to_bytes(8, "big"))
        for at in range(0, 32, 8):
            yield int.from_bytes(block[at : at + 8], "big")
        counter += 1


def below(end, stream):
    """A number from 0 to end - 1. Words beyond the last whole multiple of end are thrown away."""
    fair = 2**64 - 2**64 % end
    while True:
        word = next(stream)
        if word < fair:
            return word % end


def order_of(method, entrants, seed):
    """Numbers in the order of the line. Entrants are (number, tier), in rising order of the numbers."""
    order = []
    for tier in range(3):
        numbers = [number for number, its_tier in entrants if its_tier == tier]
        if method == "draw":
            stream = words(seed, tier)
            for last in range(len(numbers) - 1, 0, -1):
                chosen = below(last + 1, stream)
                numbers[last], numbers[chosen] = numbers[chosen], numbers[last]
        order += numbers
    return order


# The file.


def read(path):
    with open(path, "rb") as file:
        head = read_head(strip_end(file.readline(HEAD_BYTES_MAX)))
        entries = []
        at = 1
        while True:
            line = file.readline(ENTRY_BYTES_MAX)
            at += 1
            if not line:
                return head, entries
            line = strip_end(line)
            if not line:
                continue
            entry = read_entry(line)
            if entry is None:
                raise BadFile(
                    f"line {at} must be `NUMBER TIER FINGERPRINT PLACE`: decimal below 2^32, 0 to 2, "
                    "16 digits of 0-9a-f, decimal below 2^32"
                )
            if entries and entry[0] <= entries[-1][0]:
                raise BadFile(
                    f"line {at} has number {entry[0]} after {entries[-1][0]}: numbers must rise"
                )
            entries.append(entry)


def strip_end(line):
    return line[:-1] if line.endswith(b"\n") else line


def read_entry(line):
    found = ENTRY.fullmatch(line)
    if not found:
        return None
    number, tier, fingerprint, place = found.groups()
    entry = (int(number), int(tier), int(fingerprint, 16), int(place))
    return entry if entry[0] <= NUMBER_MAX and entry[3] <= NUMBER_MAX else None


def read_head(line):
    head = read_json(line)
    if not isinstance(head, dict):
        raise BadFile("the first line is not a JSON object")
    if head.get("format") != FORMAT:
        raise bad("format", f'must be "{FORMAT}"')
    if "secret" in head and head["secret"] is None:
        raise bad("secret", "is null: the doors have not opened yet, there is no draw")

    def demand(member, fits, rule):
        if not fits(head.get(member)):
            raise bad(member, rule)

    def is_text(value, pattern):
        return isinstance(value, str) and re.fullmatch(pattern, value) is not None

    def is_number(value):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**32

    def is_beacon(value):
        is_plain = lambda text: all(unicodedata.category(sign) != "Cc" for sign in text)
        return isinstance(value, str) and 1 <= len(value) <= 200 and is_plain(value)

    def check_hash(member):
        is_hash = lambda value: is_text(value, "[0-9a-f]{64}")
        demand(member, is_hash, "must be 64 digits of 0-9a-f")

    def check_beacon(member):
        fits = lambda value: (value is None and member in head) or is_beacon(value)
        rule = "must be null or 1 to 200 characters, none of them a control character"
        demand(member, fits, rule)

    is_slug = lambda value: is_text(value, "[a-z0-9][a-z0-9-]{0,63}")
    is_tiers = lambda value: isinstance(value, list) and len(value) == 3 and all(map(is_number, value))
    demand("event", is_slug, "must be the slug of an event")
    demand("method", lambda value: value in ("draw", "fifo"), 'must be "draw" or "fifo"')
    check_hash("commitment")
    check_beacon("beacon_announced")
    check_beacon("beacon")
    demand("count", is_number, "must be a whole number from 0 to 2^32")
    demand("tiers", is_tiers, "must be three whole numbers from 0 to 2^32")
    for member in ("root", "secret", "seed"):
        check_hash(member)
    return head


def read_json(line):
    def refuse(word):
        raise ValueError(word)

    try:
        value = json.loads(line.decode(), parse_constant=refuse)
        # Halves of characters are no text.
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError):
        return None


def bad(member, rule):
    return BadFile(f"`{member}` of the first line {rule}")


# The verdicts. Each takes what the head says of the ones before for granted.


def check_commitment(head):
    ours = sha256(bytes.fromhex(head["secret"])).hex()
    if ours == head["commitment"]:
        return True, f"the secret is the one that was committed to: its SHA-256 is {ours}"
    return False, f"the SHA-256 of the secret is {ours}, committed to was {head['commitment']}"


def check_count(head, entries):
    def told(count, tiers):
        return f"{count} entries ({tiers[0]} priority, {tiers[1]} general, {tiers[2]} suspect)"

    tiers = [0, 0, 0]
    for _, tier, _, _ in entries:
        tiers[tier] += 1
    ours, theirs = told(len(entries), tiers), told(head["count"], head["tiers"])
    if ours == theirs:
        return True, ours
    return False, f"the file has {ours}, its head says {theirs}"


def check_fingerprints(entries):
    ordered = sorted((fingerprint, number) for number, _, fingerprint, _ in entries)
    again = [pair for pair in zip(ordered, ordered[1:]) if pair[0][0] == pair[1][0]]
    if not again:
        return True, "nobody has two entries: no fingerprint stands twice"
    (fingerprint, one), (_, other) = again[0]
    return False, (
        f"fingerprint {fingerprint:016x} stands at number {one} and at number {other}; "
        f"entries that repeat one: {len(again)}"
    )


def check_root(head, entries):
    ours = root_of([leaf(number, tier, print_) for number, tier, print_, _ in entries]).hex()
    if ours == head["root"]:
        return True, f"the entries give the sealed root {ours}"
    return False, f"the entries give the root {ours}, sealed was {head['root']}"


def check_seed(head):
    secret, root = bytes.fromhex(head["secret"]), bytes.fromhex(head["root"])
    ours = seed_of(secret, head["beacon"], root, head["count"]).hex()
    given = "secret, root" if head["beacon"] is None else "secret, beacon, root"
    if head["beacon"] is None and head["beacon_announced"] is not None:
        return False, "a beacon was announced before the doors, and none was used"
    if ours == head["seed"]:
        return True, f"{given} and count give the seed {ours}"
    return False, f"{given} and count give the seed {ours}, the head says {head['seed']}"


def check_places(head, entries):
    entrants = [(number, tier) for number, tier, _, _ in entries]
    order = order_of(head["method"], entrants, bytes.fromhex(head["seed"]))
    place_of = {number: place for place, number in enumerate(order)}
    giver = "the seed" if head["method"] == "draw" else "the order of joining"
    wrong = [entry for entry in entries if place_of[entry[0]] != entry[3]]
    if not wrong:
        return True, f"each of {len(entries)} has the place that {giver} gives"
    number, _, _, theirs = wrong[0]
    return False, (
        f"number {number} is said to have place {theirs}, {giver} gives {place_of[number]}; "
        f"wrong are {len(wrong)} of {len(entries)}"
    )


def notes(head):
    """What no file can prove by itself."""
    yield "compare the commitment with the one that was shown before the doors"
    beacon, announced = head["beacon"], head["beacon_announced"]
    if beacon is None:
        yield (
            "no beacon was used: whoever knew the secret could have tried out entries of their own "
            "until they liked the draw"
        )
    elif announced is None:
        yield f'the beacon "{beacon}" was not announced before the doors, so it may have been chosen'
    else:
        yield f'compare the beacon with its source: it is "{beacon}", announced was "{announced}"'


def verify(path):
    head, entries = read(path)
    verdicts = {
        "commitment": check_commitment(head),
        "count": check_count(head, entries),
        "fingerprints": check_fingerprints(entries),
        "root": check_root(head, entries),
        "seed": check_seed(head),
        "places": check_places(head, entries),
    }
    print(f"draw of {head['event']}, method {head['method']}")
    for what, (holds, why) in verdicts.items():
        print(f"{'holds' if holds else 'BROKEN':6}  {what:12}  {why}")
    for note in notes(head):
        print(f"note    {note}")
    broken = [what for what, (holds, _) in verdicts.items() if not holds]
    print(f"THE DRAW DOES NOT HOLD: {', '.join(broken)}" if broken else "the draw holds")
    return not broken


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python3 verify_draw.py FILE")
    path = sys.argv[1]
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        sys.exit(0 if verify(path) else 1)
    except (BadFile, OSError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
