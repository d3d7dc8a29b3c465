-- KEYS: the events that came with one delivery id, as `<event id>:<its window in ms>`. ARGV: an event's id, its window, '1' only to
-- look. Two are one event when the window of the one that was received later joins the times when they were received, which ids
-- begin with: the claim may come much later, from the spool or a recovery, and in any order. Answers which one counts, or nil:
-- this one, and but for a look it is known from now on. The newest 8 are known, for as long as the longest window that was asked with.
local mine, window, most = ARGV[1], tonumber(ARGV[2]), 8
local function received(id) return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16) or 0 end
local known, same = {}, false
for id, theirs in string.gmatch(call('GET', KEYS[1]) or '', '(%S+):(%d+)') do
    local later_by = received(mine) - received(id)
    if id == mine then return id end
    if math.abs(later_by) < (later_by < 0 and tonumber(theirs) or window) then same = same or id end
    known[#known + 1] = id .. ':' .. theirs
end
if same or ARGV[3] == '1' or window == 0 then return same end
known[#known + 1] = mine .. ':' .. ARGV[2]
table.sort(known, function(a, b) return received(a) > received(b) end)
local left = math.max(call('PTTL', KEYS[1]), window)
call('SET', KEYS[1], table.concat(known, ' ', 1, math.min(#known, most)), 'PX', string.format('%.0f', left))
return false
