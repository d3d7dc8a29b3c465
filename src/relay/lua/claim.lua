-- ARGV: token (unused), n, place, for how many seconds it is kept. Whose copy of entry n counts: the first place that is
-- written here stays. Answers it.
call('HSETNX', moved_key, ARGV[2], ARGV[3])
call('EXPIRE', moved_key, ARGV[4])
return answer('ok', call('HGET', moved_key, ARGV[2]))
