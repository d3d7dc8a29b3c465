-- ARGV: token (new with every taking), lease ms, then the caller's earlier tokens: its present one, one
-- whose taking was never answered, or that of a former life which is known to be dead. Asking and
-- taking are one step, or an adopter could come and go between them.
local owner = call('GET', owner_key)
local mine = not owner or owner == 'free'
for i = 3, #ARGV do
    if owner == ARGV[i] then mine = true end
end
if not mine then return answer('lost') end
if call('EXISTS', settled_key, journal_key) == 0 then return answer('none') end
call('SET', owner_key, token, 'PX', ARGV[2])
local time = call('TIME')
return answer('ok', time[1], time[2])
