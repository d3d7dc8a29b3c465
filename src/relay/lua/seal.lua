-- ARGV: token.
if call('GET', owner_key) ~= token then return answer('lost') end
seal_now()
return answer('ok')
