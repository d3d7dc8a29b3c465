-- KEYS: a hash that all nodes share. ARGV: field, value. HSET, but at Redis' OOM too: who says that a destination is
-- dropped frees memory by it.
return call('HSET', KEYS[1], ARGV[1], ARGV[2])
