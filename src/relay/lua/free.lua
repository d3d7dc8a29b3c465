-- ARGV: token. A planned stop: sealed and settled, whoever comes next need not wait for the lease.
if call('GET', owner_key) ~= token then return answer('lost') end
seal_now()
call('SET', owner_key, 'free')
return answer('ok')
