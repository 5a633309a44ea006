-- KEYS: stock, reservations by id, ids by idempotency key. ARGV: quantity, id, idempotency key, reservation.
local known = redis.call('HGET', KEYS[3], ARGV[3])
if known then return known end
local available = tonumber(redis.call('GET', KEYS[1]) or '0')
if available < tonumber(ARGV[1]) then return '' end
redis.call('DECRBY', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
return ARGV[2]
