-- ARGV: token (unused), lease ms. Answers who owns it. A lease that is longer than any was given by a clock
-- that was set back since: it ends a lease from now, when its owner, if there is one, has renewed it.
local owner = call('GET', owner_key)
if owner and call('PTTL', owner_key) > tonumber(ARGV[2]) and string.sub(owner, 1, 4) ~= 'gone' then
    call('PEXPIRE', owner_key, ARGV[2])
end
return owner
