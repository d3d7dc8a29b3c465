-- ARGV: token, the marker's n, the first n in question. Once an entry stands above them, Redis refuses
-- every older append that is still on its way (an id must grow), so what is there now is final. An
-- earlier try of this marker may have landed: "equal or smaller" is as good.
if call('GET', owner_key) ~= token then return answer('lost') end
if call('HEXISTS', settled_key, 'top') == 1 then return answer('sealed') end
local added = redis.pcall('XADD', journal_key, 'NOMKSTREAM', ARGV[2] .. '-0', 'to', '')
if not added then return answer('none') end
if type(added) == 'table' and added.err and not string.find(added.err, 'equal or smaller', 1, true) then
    return added
end
local found = call('XRANGE', journal_key, ARGV[3] .. '-0', ARGV[2] .. '-0')
local ids = {}
for i = 1, #found do ids[i] = (string.gsub(found[i][1], '%-0$', '')) end
return answer('ok', ids)
