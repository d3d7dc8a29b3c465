-- ARGV: token, version before, version after, then operations, each a word and its arguments.
-- Everything an owner writes besides appends goes through here, but for due times that hasten.lua moves; each
-- operation may be repeated.
if call('GET', owner_key) ~= token then return answer('lost') end
local version = call('HGET', settled_key, 'version') or '' -- as answer() says it
if version == ARGV[3] then return answer('ok') end
if version ~= ARGV[2] then return answer('version') end

local function kind_is(key, kind)
    local found = call('TYPE', key).ok
    return found == 'none' or found == kind
end
if not (kind_is(settled_key, 'hash') and kind_is(journal_key, 'stream') and
        kind_is(requests_key, 'list') and kind_is(lanes_key, 'set')) then
    return answer('type')
end

-- What is kept besides the stream, in bytes: `bodies` of all events' hashes and sets, and what each destination
-- holds of them, `b:<name>` due and `x:<name>` dead. A body is charged to everyone who holds it. All is
-- added up within the call and written once: a full batch parks hundreds.
local touched, listed, charges, sizes, present = {}, {}, {}, {}, {}
local function charge(field, bytes)
    charges[field] = (charges[field] or 0) + bytes
end
-- What the allocator takes for a text of that length: four sizes to each power of two.
local function block(bytes)
    local step = 16
    while step * 8 < bytes + 10 do step = step * 2 end
    return math.ceil((bytes + 10) / step) * step
end
-- An event's hash, as far as it is the same for all of its destinations.
local function size(head, body)
    return 285 + block(head) + (body > 0 and block(body) or 0)
end
-- A record in an event's hash and its place in a set.
local held_bytes = 230
local function size_of(n)
    if not sizes[n] then
        local event = base .. 'event:' .. n
        local head = call('HSTRLEN', event, 'e')
        sizes[n] = head == 0 and 0 or size(head, call('HSTRLEN', event, 'b'))
    end
    return sizes[n]
end
local function enter(kind, field, name, n, score)
    local set = base .. kind .. name
    present[set] = true
    if call('ZADD', set, score, n) == 1 then
        charge(field .. name, size_of(n))
        charge('bodies', held_bytes)
    end
    touched[name] = true
end
local function leave(kind, field, name, n)
    local set = base .. kind .. name
    if present[set] == nil then present[set] = call('EXISTS', set) == 1 end
    if present[set] and call('ZREM', set, n) == 1 then
        charge(field .. name, -size_of(n))
        charge('bodies', -held_bytes)
    end
    touched[name] = true
end

-- A record goes when its delivery is done; the event's hash goes with its last record.
local function forget(n, name)
    local event = base .. 'event:' .. n
    leave('due:', 'b:', name, n)
    leave('dead:', 'x:', name, n)
    call('HDEL', event, 'd:' .. name)
    local fields = call('HKEYS', event)
    for i = 1, #fields do
        if string.sub(fields[i], 1, 2) == 'd:' then return end
    end
    charge('bodies', -size_of(n))
    call('DEL', event)
    sizes[n] = nil
end

-- A body comes to an event that had none: it is charged to everyone who holds that already.
local function resize(n, bytes)
    local grown = bytes - size_of(n)
    local held = size_of(n) > 0 and call('HKEYS', base .. 'event:' .. n) or {}
    for i = 1, #held do
        local name = string.match(held[i], '^d:(.*)$')
        if name and call('ZSCORE', base .. 'due:' .. name, n) then charge('b:' .. name, grown) end
        if name and call('ZSCORE', base .. 'dead:' .. name, n) then charge('x:' .. name, grown) end
        if name then touched[name] = true end
    end
    charge('bodies', grown)
    sizes[n] = bytes
end

-- What is not of one destination comes with the first record of its event: {n, fields}.
local comes = {}
local function record(n, name, text)
    local event = base .. 'event:' .. n
    if comes.n == n then
        call('HSET', event, 'd:' .. name, text, unpack(comes.fields))
        comes = {}
    else
        call('HSET', event, 'd:' .. name, text)
    end
    if not listed[name] then call('SADD', lanes_key, name) end
    listed[name] = true
end

local i = 4
while i <= #ARGV do
    local op = ARGV[i]
    if op == 'set' then -- field, value
        call('HSET', settled_key, ARGV[i + 1], ARGV[i + 2])
        i = i + 3
    elseif op == 'bare' or op == 'body' then -- n, the head, and of a body: b; a record follows
        local n, head, body = ARGV[i + 1], ARGV[i + 2], op == 'body' and ARGV[i + 3]
        if size_of(n) == 0 or (body and call('HEXISTS', base .. 'event:' .. n, 'b') == 0) then
            resize(n, size(#head, body and #body or 0))
            comes = {n = n, fields = body and {'e', head, 'b', body} or {'e', head}}
        end
        i = i + (body and 4 or 3)
    elseif op == 'park' then -- n, destination, due, record
        record(ARGV[i + 1], ARGV[i + 2], ARGV[i + 4])
        leave('dead:', 'x:', ARGV[i + 2], ARGV[i + 1])
        enter('due:', 'b:', ARGV[i + 2], ARGV[i + 1], ARGV[i + 3])
        i = i + 5
    elseif op == 'bury' then -- n, destination, time, record
        record(ARGV[i + 1], ARGV[i + 2], ARGV[i + 4])
        leave('due:', 'b:', ARGV[i + 2], ARGV[i + 1])
        enter('dead:', 'x:', ARGV[i + 2], ARGV[i + 1], ARGV[i + 3])
        i = i + 5
    elseif op == 'drop' then -- n, destination
        forget(ARGV[i + 1], ARGV[i + 2])
        i = i + 3
    elseif op == 'trim' then -- n: everything below it goes
        call('XTRIM', journal_key, 'MINID', ARGV[i + 1] .. '-0')
        redis.pcall('ZREMRANGEBYSCORE', twice_key, '-inf', '(' .. ARGV[i + 1])
        i = i + 2
    elseif op == 'done' then -- a request's text: it was carried out by this commit
        call('LREM', requests_key, 1, ARGV[i + 1])
        i = i + 2
    else
        return redis.error_reply('ERR unknown operation in commit: ' .. op)
    end
end
for field, bytes in pairs(charges) do
    if bytes ~= 0 and call('HINCRBY', settled_key, field, bytes) < 0 then
        call('HSET', settled_key, field, 0) -- an older version charged less for them
    end
end
call('HSET', settled_key, 'version', ARGV[3])
if next(touched) == nil then return answer('ok') end
local names, fields = {}, {'bodies'}
for name in pairs(touched) do
    names[#names + 1] = name
    fields[#fields + 1] = 'b:' .. name
    fields[#fields + 1] = 'x:' .. name
end
return answer('ok', names, call('HMGET', settled_key, unpack(fields)))
