-- KEYS: the events that came with one delivery id, as `<event id>:<its window in ms>`. ARGV: an event's id, its window, '1' only to
-- look. Two are one event when the window of the one that was received later joins the times when they were received, which ids
-- begin with: the claim may come much later, from the spool or a recovery, and in any order. Answers which one counts, or nil:
-- this one, and but for a look it is known from now on, with the newest 63 others. They are known for the longest window that was
-- claimed with, and longer by as much again, but not by more than 10 min: for what comes late from a spool or a recovery.
local mine, window, late = ARGV[1], tonumber(ARGV[2]), 600000
local function received(id) return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16) or 0 end
local kept = redis.pcall('GET', KEYS[1]) -- of another kind: not ours
local known, same, later_by = {}, false, 0
for id, theirs in string.gmatch(type(kept) == 'string' and kept or '', '(%S+):(%d+)') do
    if id == mine then return id end
    local by = received(mine) - received(id)
    if not same and math.abs(by) < (by < 0 and tonumber(theirs) or window) then same, later_by = id, by end
    known[#known + 1] = id .. ':' .. theirs
end
if ARGV[3] == '1' or window == 0 then return same end
local function px(ms) return string.format('%.0f', ms) end
if same then
    call('PEXPIRE', KEYS[1], px(window - later_by), 'GT') -- it has grown since
    return same
end
known[#known + 1] = mine .. ':' .. ARGV[2]
table.sort(known, function(a, b) return received(a) > received(b) end)
local life = math.max(call('PTTL', KEYS[1]), window + math.min(window, late))
call('SET', KEYS[1], table.concat(known, ' ', 1, math.min(#known, 64)), 'PX', px(life))
return false
