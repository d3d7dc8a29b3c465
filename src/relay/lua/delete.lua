-- ARGV: token. Only when nothing is left and it is sealed. 'gone' keeps the top for 30 days: an owner
-- that wakes up late may hold events above it, whose tail Redis had lost.
if call('GET', owner_key) ~= token then return answer('lost') end
if call('EXISTS', requests_key) == 1 then return answer('busy') end
local names = call('SMEMBERS', lanes_key)
for i = 1, #names do
    if call('EXISTS', base .. 'due:' .. names[i], base .. 'dead:' .. names[i]) > 0 then
        return answer('busy')
    end
end
local top = call('HGET', settled_key, 'top')
call('DEL', journal_key, settled_key, lanes_key, twice_key)
if call('EXPIRE', moved_key, 2592000, 'NX') == 0 then call('EXPIRE', moved_key, 2592000, 'GT') end
call('SET', owner_key, 'gone:' .. (top or '0'), 'EX', 2592000)
return answer('ok')
