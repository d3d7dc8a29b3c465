-- ARGV: token, lease ms. A journal's number is used once: any trace of an earlier one refuses.
if call('EXISTS', owner_key, journal_key, settled_key) > 0 then return answer('exists') end
call('SET', owner_key, token, 'PX', ARGV[2])
call('XADD', journal_key, '1-0', 'to', '')
call('HSET', settled_key, 'low', '2', 'version', token .. ':0')
local time = call('TIME')
return answer('ok', time[1], time[2])
