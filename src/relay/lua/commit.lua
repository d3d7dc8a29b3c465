-- ARGV: token, version before, version after, then operations, each a word and its arguments.
-- Everything an owner writes besides appends goes through here; each operation may be repeated.
if redis.call('GET', owner_key) ~= token then return answer('lost') end
local version = redis.call('HGET', settled_key, 'version') or '' -- as answer() says it
if version == ARGV[3] then return answer('ok') end
if version ~= ARGV[2] then return answer('version') end

local function kind_is(key, kind)
    local found = redis.call('TYPE', key).ok
    return found == 'none' or found == kind
end
if not (kind_is(settled_key, 'hash') and kind_is(journal_key, 'stream') and
        kind_is(requests_key, 'list') and kind_is(lanes_key, 'set')) then
    return answer('type')
end

-- A record goes when its delivery is done; the event's hash goes with its last record.
local function forget(n, name)
    redis.call('ZREM', base .. 'due:' .. name, n)
    redis.call('ZREM', base .. 'dead:' .. name, n)
    local event = base .. 'event:' .. n
    redis.call('HDEL', event, 'd:' .. name)
    local fields = redis.call('HKEYS', event)
    for i = 1, #fields do
        if string.sub(fields[i], 1, 2) == 'd:' then return end
    end
    redis.call('DEL', event)
end

local function record(n, name, text, from, to, score)
    redis.call('HSET', base .. 'event:' .. n, 'd:' .. name, text)
    redis.call('ZREM', base .. from .. name, n)
    redis.call('ZADD', base .. to .. name, score, n)
    redis.call('SADD', lanes_key, name)
end

local i = 4
while i <= #ARGV do
    local op = ARGV[i]
    if op == 'set' then -- field, value
        redis.call('HSET', settled_key, ARGV[i + 1], ARGV[i + 2])
        i = i + 3
    elseif op == 'body' then -- n, id, t, src, m, h, b
        local event = base .. 'event:' .. ARGV[i + 1]
        if redis.call('HEXISTS', event, 'id') == 0 then
            redis.call('HSET', event, 'id', ARGV[i + 2], 't', ARGV[i + 3], 'src', ARGV[i + 4],
                       'm', ARGV[i + 5], 'h', ARGV[i + 6], 'b', ARGV[i + 7])
        end
        i = i + 8
    elseif op == 'park' then -- n, destination, due, record
        record(ARGV[i + 1], ARGV[i + 2], ARGV[i + 4], 'dead:', 'due:', ARGV[i + 3])
        i = i + 5
    elseif op == 'bury' then -- n, destination, time, record
        record(ARGV[i + 1], ARGV[i + 2], ARGV[i + 4], 'due:', 'dead:', ARGV[i + 3])
        i = i + 5
    elseif op == 'drop' then -- n, destination
        forget(ARGV[i + 1], ARGV[i + 2])
        i = i + 3
    elseif op == 'trim' then -- n: everything below it goes
        redis.call('XTRIM', journal_key, 'MINID', ARGV[i + 1] .. '-0')
        i = i + 2
    elseif op == 'done' then -- a request's text: it was carried out by this commit
        redis.call('LREM', requests_key, 1, ARGV[i + 1])
        i = i + 2
    else
        return redis.error_reply('ERR unknown operation in commit: ' .. op)
    end
end
redis.call('HSET', settled_key, 'version', ARGV[3])
return answer('ok')
