-- ARGV: token (unused), the n to begin below of, how many entries at most, and how many bytes, a source ('' is all), a time (none
-- older), '1' for only what no route wanted, how great a body may be that is answered (0: neither bodies nor headers). Looks at entries from there downwards, one by one, so that
-- no answer is much larger than asked for; what is looked at and not answered counts a fourth. An entry that came from elsewhere is
-- older than those below it, and ends nothing. Answers the id of the last one looked at, 1 if there is more below it, and lists, as long as each
-- other: the entries; 1 for each that has moved, 2 where another one counts in its place; and the bytes of its body.
local left, room, since, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6]), tonumber(ARGV[8])
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
    local value, body_at, head_at, bytes = {}, nil, nil, 0
    for i = 1, #fields - 1, 2 do
        bytes = bytes + #fields[i + 1]
        if fields[i] == 'b' then
            body_at = i + 1
        elseif fields[i] == 'e' then
            head_at = i + 1
        else
            value[fields[i]] = fields[i + 1]
        end
    end
    local line, received, source -- of one that is not ours the owner decides
    if head_at then line, received, source = string.match(fields[head_at], '^(%S+ (%d+) (%S+) [^\n]*\n)') end
    local old = line and (tonumber(received) or since) < since
    if old and not value.from then break end
    last = found[1]
    below = '(' .. last
    left = left - 1
    room = room - bytes / 4
    local size = body_at and #fields[body_at] or 0
    local unrouted = line and value.to == ''
    if line and not old and (ARGV[5] == '' or source == ARGV[5]) and (unrouted or ARGV[7] ~= '1') then
        if body_at and size > most then
            bytes = bytes - size
            fields[body_at] = ''
        end
        if most == 0 then
            bytes = bytes - #fields[head_at] + #line
            fields[head_at] = line
        end
        room = room - 200 - bytes
        entries[#entries + 1] = found
        local n = string.gsub(last, '%-0$', '')
        moved[#moved + 1] = unrouted and (came_twice(n) and 2 or call('HEXISTS', moved_key, n)) or 0
        sizes[#sizes + 1] = size
    end
end
return answer('ok', last, more, entries, moved, sizes)
