-- KEYS: the events that came with one delivery id and count, as `<event id>:<its window in ms>`. ARGV: an event's id, its window, '1'
-- only to look. Two are one event when the window of the one that was received later joins the times when they were received, which
-- ids begin with: the claim may come much later, from the spool or a recovery, and in any order. Answers which one counts, or nil:
-- this one, and but for a look it is known from now on, with the newest 63 others. They are known for the longest window that was
-- asked with, and longer by as much again, but not by more than 10 min: for what comes late from a spool or a recovery.
local mine, window, late, longest = ARGV[1], tonumber(ARGV[2]), 600000, 30 * 24 * 3600000
local life = window + math.min(window, late)
local function received(id) return tonumber(string.sub(id, 1, 8) .. string.sub(id, 10, 13), 16) or 0 end
local function px(ms) return string.format('%.0f', ms) end
local kept = redis.pcall('GET', KEYS[1])
kept = type(kept) == 'string' and #kept < 4096 and kept or '' -- else it is not ours
local known, same = {}, false
for id, theirs in string.gmatch(kept, '(%x+%-%x+%-%x+%-%x+%-%x+):(%d+)') do
    if id == mine then return id end
    local by, its = received(mine) - received(id), tonumber(theirs)
    if its <= longest then
        known[#known + 1] = id .. ':' .. theirs
        if not same and math.abs(by) < (by < 0 and its or window) then
            same = id
            if window > its then call('PEXPIRE', KEYS[1], px(life - by), 'GT') end -- it has grown since
        end
    end
end
if same or ARGV[3] == '1' or window == 0 then return same end
table.sort(known, function(a, b) return received(a) > received(b) end)
table.insert(known, 1, mine .. ':' .. ARGV[2])
call('SET', KEYS[1], table.concat(known, ' ', 1, math.min(#known, 64)), 'PX', px(math.max(call('PTTL', KEYS[1]), life)))
return false
