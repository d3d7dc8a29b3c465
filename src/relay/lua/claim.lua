-- ARGV: token (unused), n, place, for how many seconds it is kept. Whose copy of entry n counts: the first place that is
-- written here stays, and none is forgotten earlier than another node wanted. Answers it. Without a place: another event
-- counts for this one, which is known for as long as the entry is there; 'duplicate' is answered, also to who names a place later.
if ARGV[3] == '' and call('EXISTS', journal_key) == 1 then redis.pcall('ZADD', twice_key, ARGV[2], ARGV[2]) end
if ARGV[3] == '' or came_twice(ARGV[2]) then return answer('ok', 'duplicate') end
call('HSETNX', moved_key, ARGV[2], ARGV[3])
if call('EXPIRE', moved_key, ARGV[4], 'NX') == 0 then call('EXPIRE', moved_key, ARGV[4], 'GT') end
return answer('ok', call('HGET', moved_key, ARGV[2]))
