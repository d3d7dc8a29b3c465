-- ARGV: token (unused), the n to begin below of, how many entries at most, and how many bytes, a source ('' is all), a time (none
-- older), '1' for only what no route wanted, '1' for bodies. Looks at entries from there downwards, one by one, so that no answer is
-- much larger than asked for. Answers the id of the last one looked at, 1 if there is more below it, and lists, as long as each
-- other: the entries, whether each has moved, and the bytes of its body.
local left, room, since = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local below, last, more = '(' .. ARGV[2] .. '-0', '', 0
local entries, moved, sizes = {}, {}, {}
while true do
    local found = call('XREVRANGE', journal_key, below, '-', 'COUNT', 1)[1]
    if not found then break end
    if left <= 0 or room <= 0 then
        more = 1
        break
    end
    local fields = found[2]
    local value, body_at = {}, nil
    for i = 1, #fields - 1, 2 do
        if fields[i] == 'b' then
            body_at = i + 1
        elseif fields[i] ~= 'h' then
            value[fields[i]] = fields[i + 1]
        end
    end
    if value.t and (tonumber(value.t) or since) < since then break end
    last = found[1]
    below = '(' .. last
    left = left - 1
    local size = body_at and #fields[body_at] or 0
    local unrouted = value.id and value.to == ''
    if value.id and (ARGV[5] == '' or value.src == ARGV[5]) and (unrouted or ARGV[7] ~= '1') then
        if ARGV[8] ~= '1' and body_at then fields[body_at] = '' end
        room = room - 200 - (ARGV[8] == '1' and size or 0)
        entries[#entries + 1] = found
        moved[#moved + 1] = unrouted and call('HEXISTS', moved_key, (string.gsub(last, '%-0$', ''))) or 0
        sizes[#sizes + 1] = size
    end
end
return answer('ok', last, more, entries, moved, sizes)
