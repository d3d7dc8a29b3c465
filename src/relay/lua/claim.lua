-- ARGV: token (unused), n, place. Whose copy of entry n counts: the first place that is written here
-- stays, for 30 days. Answers it.
call('HSETNX', moved_key, ARGV[2], ARGV[3])
call('EXPIRE', moved_key, 2592000)
return answer('ok', call('HGET', moved_key, ARGV[2]))
