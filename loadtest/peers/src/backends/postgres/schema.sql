-- The counter's page keeps room for new versions of its row, so that updates stay on it.
CREATE TABLE IF NOT EXISTS pools (
    event text, pool text, capacity bigint NOT NULL, available bigint NOT NULL CHECK (available >= 0),
    version bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (event, pool)
) WITH (fillfactor = 20);
CREATE TABLE IF NOT EXISTS reservations (
    id text PRIMARY KEY, event text NOT NULL, pool text NOT NULL, customer text NOT NULL,
    quantity integer NOT NULL, idempotency_key text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes',
    UNIQUE (event, idempotency_key)
);
-- One index, of what is free. Beside a key on the id, the planner would take that one for its order and
-- step over the tickets of every other event.
CREATE TABLE IF NOT EXISTS tickets (
    event text NOT NULL, pool text NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, reservation text
);
CREATE INDEX IF NOT EXISTS tickets_free ON tickets (event, pool, id) WHERE reservation IS NULL;
