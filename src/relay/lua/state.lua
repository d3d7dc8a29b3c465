-- Stands in front of every script. KEYS (but those of ids.lua, put.lua and list.lua): owner, journal, settled, requests, lanes, moved; ARGV[1] is
-- the caller's token. All keys of a journal share its hash tag, so what is built from KEYS here
-- (event:<n>, due:<destination>) lies on the same node.
local call = redis.call
local owner_key, journal_key, settled_key = KEYS[1], KEYS[2], KEYS[3]
local requests_key, lanes_key, moved_key = KEYS[4], KEYS[5], KEYS[6]
local base = string.sub(owner_key, 1, -6)
local twice_key = base .. 'twice'
local token = ARGV[1]

-- Another event counts for entry n. A key of another kind is not ours.
local function came_twice(n) return type(redis.pcall('ZSCORE', twice_key, n)) == 'string' end

local function top_of_stream()
    if call('EXISTS', journal_key) == 0 then return '' end
    local info = call('XINFO', 'STREAM', journal_key)
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then return (string.gsub(info[i + 1], '%-0$', '')) end
    end
    return ''
end

-- What every script but watch.lua, ids.lua, put.lua and list.lua answers: a word, then owner, version, top, sealed. Once sealed, the top that
-- counts is the stored one: the seal itself is the greatest id there is.
local function answer(word, ...)
    local owner = call('GET', owner_key) or ''
    local version = call('HGET', settled_key, 'version') or ''
    local sealed = call('HGET', settled_key, 'top')
    return {word, owner, version, sealed or top_of_stream(), sealed and 1 or 0, ...}
end

-- Whoever holds the owner key seals: the top is kept as text (the seal destroys the stream's own), then
-- an entry with the greatest id of all makes Redis itself refuse every later append, also one that
-- still lies in a socket buffer. A stream that was lost stays lost: its top is 0.
local function seal_now()
    if call('HEXISTS', settled_key, 'top') == 1 then return end
    local top = top_of_stream()
    call('HSET', settled_key, 'top', top == '' and '0' or top)
    call('XADD', journal_key, 'NOMKSTREAM', '18446744073709551615-0', 'to', '')
end
