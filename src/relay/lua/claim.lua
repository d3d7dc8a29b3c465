-- ARGV: token (unused), n, place, for how many seconds it is kept. Whose copy of entry n counts: the first place that is
-- written here stays, and none is forgotten earlier than another node wanted. Answers it.
call('HSETNX', moved_key, ARGV[2], ARGV[3])
if call('EXPIRE', moved_key, ARGV[4], 'NX') == 0 then call('EXPIRE', moved_key, ARGV[4], 'GT') end
return answer('ok', call('HGET', moved_key, ARGV[2]))
