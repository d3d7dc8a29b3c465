-- KEYS: the listing of journals. ARGV: names. SADD, but at Redis' OOM too: who is not listed is not adopted.
return call('SADD', KEYS[1], unpack(ARGV))
