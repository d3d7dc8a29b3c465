-- ARGV: token, lease ms. Answers the state in any case, then the time and the oldest requests, so
-- that it is also the question of Coming back.
local word = 'lost'
if call('GET', owner_key) == token then
    call('PEXPIRE', owner_key, ARGV[2])
    word = 'ok'
end
local time = call('TIME')
return answer(word, time[1], time[2], call('LRANGE', requests_key, 0, 15))
