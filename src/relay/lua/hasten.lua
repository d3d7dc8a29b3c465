-- ARGV: token, destination, now in ms, cursor. Time went back: what was tried "later than now", and what waits
-- for its first attempt, is due at once. Looks at a part of the set; answers where the next one begins,
-- '0' at the end, and how many it has changed.
if call('GET', owner_key) ~= token then return answer('lost') end
local due_key, field, now = base .. 'due:' .. ARGV[2], 'd:' .. ARGV[2], tonumber(ARGV[3])
local part = call('ZSCAN', due_key, ARGV[4], 'COUNT', 256)
local changed = 0
for i = 1, #part[2], 2 do
    local n = part[2][i]
    local record = tonumber(part[2][i + 1]) > now and redis.pcall('HGET', base .. 'event:' .. n, field)
    record = type(record) == 'string' and record or '' -- none, or an error: its key has a foreign type
    local attempts, last = string.match(record, '^(%d+) %d+ (%d+) ')
    if attempts == '0' or (last and tonumber(last) > now) then
        call('ZADD', due_key, 'XX', ARGV[3], n)
        changed = changed + 1
    end
end
return answer('ok', part[1], changed)
