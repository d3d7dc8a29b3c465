-- ARGV: token (unused), the request's text. The journal's owner reads it with its next renewal.
if call('EXISTS', settled_key) == 0 then return answer('gone') end
call('RPUSH', requests_key, ARGV[2])
return answer('ok')
