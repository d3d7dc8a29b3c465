/* Makes the requests of every preset, and asks the providers' libraries: the part of tests/providers/run that
 * must be JavaScript. It is copied beside node_modules, for that is where `import` looks.
 *   node ask.mjs packages    what is to be installed
 *   node ask.mjs             JSON lines on both ends: {do: presets}, {do: cases, name}, {do: check, ...}: `obey` */
import crypto from 'node:crypto';
import Module, { createRequire } from 'node:module';
import readline from 'node:readline';
import { packages, presets, secretOf, vectors } from './presets.mjs';

const DAY = 86400e3;
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n');
for (const level of ['log', 'info', 'debug', 'warn', 'error']) {
    console[level] = () => {}; /* stdout is ours, and libraries like to tell that a signature is bad */
}

/* ---- signing ---- */

const keyPairs = new Map();

function keyPair(scheme, name) {
    if (!keyPairs.has(name)) {
        keyPairs.set(name, scheme.kind === 'ed25519' ? crypto.generateKeyPairSync('ed25519') : crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    }
    return keyPairs.get(name);
}

/* As the preset wants it in `secret:`. */
function secretFor(name, which) {
    const { scheme } = presets[name];
    if (scheme.publicKey === undefined) {
        return secretOf(presets[name], which === 'now' ? name : `${name}-${which}`);
    }
    const { publicKey } = keyPair(scheme, `${name}-${which}`);
    const der = publicKey.export({ type: 'spki', format: 'der' });
    return scheme.publicKey === 'spki' ? der.toString('base64') : (scheme.publicPrefix ?? '') + der.subarray(-32).toString(scheme.publicKey);
}

const encode = (bytes, encoding) => Buffer.from(bytes).toString(encoding);

function digest(name, parts, { which = 'now', key, hash }) {
    const { scheme } = presets[name];
    const text = Buffer.concat(parts.map((p) => Buffer.from(p)));
    if (scheme.kind === 'ed25519' || scheme.kind === 'ecdsa') {
        return crypto.sign(scheme.kind === 'ecdsa' ? 'sha256' : null, text, keyPair(scheme, `${name}-${which}`).privateKey);
    }
    hash ??= scheme.hash;
    return scheme.kind === 'hash' ? crypto.createHash(hash).update(text).digest()
        : crypto.createHmac(hash, key ?? scheme.key(secretFor(name, which))).update(text).digest();
}

const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

/* The three parts of a token, as text. */
function tokenOf(name, r, how) {
    const { scheme } = presets[name];
    const head = { alg: scheme.algorithms[0], typ: 'JWT', ...how.head };
    const claims = scheme.claims({ ...r, at: Math.floor(r.now / 1000) });
    how.claims?.(claims);
    const parts = [JSON.stringify(head), how.claimsText?.(claims) ?? JSON.stringify(claims)].map((part) => encode(part, 'base64url'));
    const text = parts.join('.');
    const key = how.key ?? secretFor(name, how.which ?? 'now');
    const signature = how.sign?.(text) ?? crypto.createHmac(how.hash ?? HASHES[head.alg] ?? 'sha256', key).update(text).digest();
    return [...parts, encode(signature, 'base64url')];
}

let count = 0;
const unique = () => `${process.pid}-${++count}`;

/* A request as the provider makes it; `how` says in what it differs. */
function request(name, how = {}) {
    const row = presets[name];
    const { scheme } = row;
    const n = unique(), now = how.now ?? Date.now(), names = { ...scheme, ...how.names };
    const event = row.body?.(n, now) ?? { id: `evt_${n}`, type: 'sample.created', data: { object: { name: 'pipe', amount: 5000 } } };
    const r = { name, value: null, method: 'POST', url: how.url ?? row.url, query: how.query ?? row.query ?? '', json: how.json, n, id: `msg_${n}`, now, event };
    const type = how.type === undefined ? row.type ?? 'application/json' : how.type;
    r.fixed = [...(type === null ? [] : [['Content-Type', type]]), ...Object.entries(row.headers?.(n) ?? {}), ...(how.with ?? [])];
    r.secret = scheme.kind === 'none' ? '' : how.secret ?? secretFor(name, how.which ?? 'now');
    if (scheme.kind === 'inside') {
        scheme.seal(event, (text) => encode(digest(name, [text], { hash: scheme.hash ?? 'sha256', ...how }), scheme.encoding), r.secret);
        how.change?.(event, scheme.at);
    }
    r.body = Buffer.from(how.body?.(event, n) ?? row.write?.(event, n) ?? JSON.stringify(event));
    if (scheme.kind === 'query') {
        r.query = how.query?.(r.secret) ?? `?${scheme.parameter}=${encodeURIComponent(r.secret)}`;
    }
    if (['none', 'inside', 'query'].includes(scheme.kind)) {
        return { ...r, names };
    }
    if (scheme.kind === 'token' || scheme.kind === 'basic') {
        r.value = scheme.kind === 'token' ? r.secret : 'Basic ' + encode(Buffer.from(r.secret), 'base64');
        return { ...r, names };
    }
    const posted = () => ({ ...r, names, query: how.path ?? r.query, body: how.sent === undefined ? r.body : Buffer.from(how.sent) });
    if (scheme.kind === 'jwt') {
        r.token = tokenOf(name, r, how);
        r.value = scheme.prefix + r.token.join('.');
        return posted();
    }
    r.ts = how.ts ?? scheme.time?.(now);
    r.signed = digest(name, scheme.text(r), how);
    r.sig = encode(r.signed, scheme.encoding);
    r.value = scheme.write({ sigs: [r.sig], at: r.ts, key: how.key_name });
    return posted();
}

/* The lines of the head, from a request and what is to be different in them. */
function headers(r, how = {}) {
    const { names } = r;
    const lines = [...r.fixed];
    const given = how.value === undefined ? r.value : how.value;
    if (given !== null) {
        for (const value of [given].flat()) {
            lines.push([how.header ?? names.header, value]);
        }
    }
    if (names.timeHeader !== undefined && how.ts !== null) {
        for (const value of [how.ts ?? r.ts].flat()) {
            lines.push([names.timeHeader, value]);
        }
    }
    if (names.idHeader !== undefined && how.id !== null) {
        lines.push([names.idHeader, how.id ?? r.id]);
    }
    return lines;
}

const again = (r, sig, key) => presets[r.name].scheme.write({ sigs: [sig].flat(), at: r.ts, key });

function flipped(bytes, at = bytes.length >> 1) {
    const copy = Buffer.from(bytes);
    copy[at] ^= 1;
    return copy;
}

/* ---- what must be accepted ---- */

function* genuine(name) {
    const row = presets[name], { scheme } = row;
    const line = (what, r, how) => ({ what, expect: 'accept', r, headers: headers(r, how) });
    yield line('as documented', request(name));
    /* White space, escapes, and letters beyond ASCII: nobody may write the JSON anew. */
    yield line('raw bytes', request(name, { body: (e, n) => row.writeRaw?.(n, e) ?? JSON.stringify(e, null, 2).replace('{', '{ "\\u00e9t\\u00e9":\t"été 夏 \\/ 🚰",') + '\n' }));
    if (scheme.kind === 'none') {
        return;
    }
    yield { ...line('names in lower case', request(name)), lower: true };
    if (scheme.publicKey === undefined) {
        yield { ...line('the secret before', request(name, { which: 'before' })), secret: 'before' };
    }
    if (['token', 'basic', 'inside', 'query'].includes(scheme.kind)) {
        yield* further(name, 'accept');
        return;
    }
    if (scheme.kind === 'jwt') {
        yield* genuineJwt(name, line);
        yield* further(name, 'accept');
        return;
    }
    for (const names of scheme.others ?? []) {
        yield line('the other headers', request(name, { names }));
    }
    if (scheme.within > 0) {
        yield line('older, but not too old', request(name, { now: Date.now() - 1e3 * (scheme.aged ?? scheme.within * 0.6) }));
        yield line('a little ahead', request(name, { now: Date.now() + 20e3 }));
    } else if (scheme.time !== undefined) {
        /* A provider that tries again with the first signature, and names no limit. */
        yield line('a day old', request(name, { now: Date.now() - DAY }));
    }
    if (scheme.several) {
        const both = request(name), other = encode(flipped(both.signed), scheme.encoding);
        yield line('several, the genuine one last', both, { value: again(both, [other, both.sig]) });
    }
    if (scheme.otherKey !== undefined) {
        yield line('the other form of its key', request(name, { key: scheme.otherKey(secretFor(name, 'now')) }));
    }
    yield* further(name, 'accept');
}

function* genuineJwt(name, line) {
    const { scheme } = presets[name];
    const ago = (seconds, how) => request(name, { now: Date.now() - seconds * 1e3, ...how });
    for (const alg of scheme.algorithms.slice(1)) {
        yield line(`by ${alg}`, request(name, { head: { alg } }));
    }
    yield line('a little ahead', ago(-20));
    if (scheme.life > 0) {
        yield line('older, but not too old', ago(scheme.life * 0.6));
        yield line('past its end, but only a little', ago(scheme.life + 20));
    } else {
        yield line('a day old', ago(DAY / 1e3));
    }
    yield line('more in its head and claims', request(name, { head: { typ: undefined, kid: 'é', x: [1] }, claims: (c) => (c.more = { iss: null, list: [{}] }) }));
    yield line('fractions of seconds', ago(2, { claims: (c) => ['iat', 'nbf', 'exp'].forEach((t) => (t in c ? (c[t] += 0.25) : 0)) }));
}

/* What a row has besides. */
function* further(name, expected) {
    const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');
    for (const [what, expect, how, head] of presets[name].more?.({ unique, sha256 }) ?? []) {
        if (expect === expected) {
            const r = request(name, how);
            yield { what, expect, r, headers: headers(r, head) };
        }
    }
}

/* ---- what must be refused ---- */

function* forged(name) {
    const row = presets[name], { scheme } = row;
    const line = (what, r, how) => ({ what, expect: 'refuse', r, headers: headers(r, how) });
    if (scheme.kind === 'none') {
        return;
    }
    if (scheme.kind === 'inside') {
        yield* forgedInside(name, line);
        yield* further(name, 'refuse');
        return;
    }
    if (scheme.kind === 'query') {
        yield line('another secret', request(name, { which: 'wrong' }));
        yield* further(name, 'refuse');
        return;
    }
    yield line('header missing', request(name), { value: null });
    yield line('header empty', request(name), { value: '' });
    {
        const r = request(name), wrong = request(name, { which: 'wrong' });
        yield line('header twice, the genuine one first', r, { value: [r.value, wrong.value] });
        const q = request(name);
        yield line('header twice, the genuine one last', q, { value: [wrong.value, q.value] });
        const p = request(name);
        yield line('header twice, the same', p, { value: [p.value, p.value] });
    }
    yield line('another secret', request(name, { which: 'wrong' }));
    if (scheme.kind === 'token' || scheme.kind === 'basic') {
        yield* forgedToken(name, line);
        return;
    }
    const changed = (what, body) => {
        const r = request(name);
        return line(what, { ...r, body: body(r.body) });
    };
    if (!row.bodyUnsigned) {
        yield* forgedBody(changed);
    }
    if (scheme.kind === 'jwt') {
        yield* forgedJwt(name, line);
        yield* further(name, 'refuse');
        return;
    }
    yield* forgedSignature(name, line);
    yield* forgedTime(name, line);
    if (scheme.idHeader !== undefined) {
        yield line('another id', request(name), { id: `msg_${unique()}` });
        yield line('no id', request(name), { id: null });
    }
    yield* further(name, 'refuse');
}

function* forgedBody(changed) {
    yield changed('body changed', (b) => Buffer.from(b.toString().replace(/[a-z](?=[^a-z]*$)/, (c) => (c === 'a' ? 'b' : 'a'))));
    yield changed('body truncated', (b) => b.subarray(0, -1));
    yield changed('body longer', (b) => Buffer.concat([b, Buffer.from('\n')]));
}

function* forgedSignature(name, line) {
    const row = presets[name], { scheme } = row;
    const resigned = (what, sigOf) => {
        const r = request(name);
        return line(what, r, { value: again(r, sigOf(r)) });
    };
    const written = (bytes) => encode(bytes, scheme.encoding);
    for (const at of [0, 10, -1]) {
        yield resigned('a bit of the signature flipped', (r) => written(flipped(r.signed, at < 0 ? r.signed.length - 1 : at)));
    }
    yield resigned('signature truncated', (r) => written(r.signed.subarray(0, -1)));
    yield resigned('signature cut in its text', (r) => r.sig.slice(0, -5));
    yield resigned('signature longer', (r) => written(Buffer.concat([r.signed, Buffer.from([0])])));
    yield resigned('signature of zeros', (r) => written(Buffer.alloc(r.signed.length)));
    yield resigned('wrong encoding', (r) => encode(r.signed, scheme.encoding === 'hex' ? 'base64' : 'hex'));
    if (scheme.encoding === 'base64') {
        let r = request(name);
        while (!/[+/]/.test(r.sig)) {
            r = request(name);
        }
        yield line('base64 for URLs', r, { value: again(r, r.sig.replaceAll('+', '-').replaceAll('/', '_')) });
        const padded = () => {
            let p = request(name);
            while (!p.sig.endsWith('=')) { /* DER of ECDSA differs in length */
                p = request(name);
            }
            return p;
        };
        const q = padded();
        yield line('base64 without its padding', q, { value: again(q, q.sig.replace(/=+$/, '')) });
        const s = request(name);
        yield line('base64 with a space in it', s, { value: again(s, s.sig.slice(0, 9) + ' ' + s.sig.slice(9)) });
    }
    if (scheme.keyed) {
        yield line('the key of another scheme', request(name, { key_name: 'v9' }));
        const r = request(name);
        yield line('no key before the signature', r, { value: r.sig });
    }
    if (scheme.kind === 'hmac') {
        const own = scheme.hashes ?? [scheme.hash];
        yield line('another digest', request(name, { hash: ['sha1', 'sha256', 'sha512'].find((h) => !own.includes(h)) }));
        yield line('an empty key', request(name, { key: '' }));
    }
    if (scheme.kind === 'hash') {
        yield line('an empty secret', request(name, { secret: '' }));
    }
    if (scheme.encodedKey) {
        yield line('a key that is not decoded', request(name, { key: Buffer.from(secretFor(name, 'now')) }));
    }
    if (scheme.text({ body: 'b', ts: '', id: '', url: 'u', method: 'm', secret: '' }).includes('u')) {
        yield line('signed for another URL', request(name, { url: row.url + '2' }));
    }
}

function* forgedInside(name, line) {
    const { scheme, changes } = presets[name];
    const last = (event) => scheme.at(event).at(-1);
    const as = (what, valueOf) => line(what, request(name, {
        change: (event) => {
            const [holder, key] = last(event);
            holder[key] = valueOf(holder[key]);
        },
    }));
    const other = (bytes) => encode(bytes, scheme.encoding === 'hex' ? 'base64' : 'hex');
    const decoded = (sig) => Buffer.from(sig, scheme.encoding);
    yield line('another secret', request(name, { which: 'wrong' }));
    yield as('signature missing', () => undefined);
    yield as('signature empty', () => '');
    yield as('signature null', () => null);
    yield as('signature a number', () => 7);
    yield as('signature in a list', (sig) => [sig]);
    yield as('signature truncated', (sig) => encode(decoded(sig).subarray(0, -1), scheme.encoding));
    yield as('signature cut in its text', (sig) => sig.slice(0, -5));
    yield as('a bit of the signature flipped', (sig) => encode(flipped(decoded(sig)), scheme.encoding));
    yield as('signature with a line behind it', (sig) => sig + '\n');
    yield as('wrong encoding', (sig) => other(decoded(sig)));
    if (scheme.encoding !== undefined) {
        yield as('signature of zeros', (sig) => encode(Buffer.alloc(decoded(sig).length), scheme.encoding));
        yield line('another digest', request(name, { hash: scheme.hash === 'sha1' ? 'sha256' : 'sha1' }));
        yield line('an empty key', request(name, { key: '' }));
    }
    if (scheme.encodedKey) {
        yield line('a key that is not decoded', request(name, { key: Buffer.from(secretFor(name, 'now')) }));
    }
    for (const [what, change] of Object.entries(changes)) {
        yield line(what, request(name, { change }));
    }
    yield line('no JSON', request(name, { body: (e) => JSON.stringify(e) + '}' }));
    yield line('JSON of another kind', request(name, { body: (e) => JSON.stringify([e]) }));
    yield line('body truncated', request(name, { body: (e) => JSON.stringify(e).slice(0, -1) }));
    yield line('body empty', request(name, { body: () => '' }));
}

function* forgedTime(name, line) {
    const { scheme } = presets[name];
    if (scheme.within > 0) {
        yield line('a day old, signed so', request(name, { now: Date.now() - DAY }));
        yield line('a day ahead, signed so', request(name, { now: Date.now() + DAY }));
    }
    if (scheme.timeInBody) {
        yield line('no timestamp, signed so', request(name, { body: (e) => JSON.stringify({ ...e, webhookTimestamp: undefined }) }));
    }
    if (scheme.time === undefined) {
        return;
    }
    if (scheme.within > 0) {
        yield line('a timestamp that is none, signed so', request(name, { ts: scheme.time(Date.now()) + 'x' }));
    }
    const later = scheme.time(Date.now() + 1e3);
    if (scheme.timeHeader !== undefined) {
        yield line('another timestamp', request(name), { ts: later });
        yield line('no timestamp', request(name), { ts: null });
        const r = request(name);
        yield line('timestamp twice', r, { ts: [r.ts, later] });
    } else {
        const r = request(name);
        yield line('another timestamp', r, { value: scheme.write({ sigs: [r.sig], at: later }) });
    }
}

function* forgedToken(name, line) {
    const { scheme } = presets[name];
    const as = (what, valueOf, how) => {
        const r = request(name);
        return line(what, r, { value: valueOf(r), ...how });
    };
    const [user, password] = secretFor(name, 'now').split(/:(.*)/);
    const encoded = (text) => 'Basic ' + encode(Buffer.from(text), 'base64');
    yield as('in another header', (r) => r.value, { header: 'X-Other' });
    yield as('truncated', (r) => r.value.slice(0, -1));
    yield as('longer', (r) => r.value + 'a');
    if (scheme.kind === 'token') {
        yield as('a bit flipped', (r) => flipped(Buffer.from(r.value)).toString());
        yield as('in upper case', (r) => r.value.toUpperCase());
        yield as('as hex', (r) => encode(Buffer.from(r.value), 'hex'));
        yield as('as base64', (r) => encode(Buffer.from(r.value), 'base64'));
        yield as('twice in one header', (r) => `${r.value}, ${r.value}`);
    } else {
        yield as('another user', () => encoded(`${user}2:${password}`));
        yield as('another password', () => encoded(`${user}:${password}2`));
        yield as('no password', () => encoded(`${user}:`));
        yield as('no colon', () => encoded(user + password));
        yield as('not encoded', () => `Basic ${user}:${password}`);
        yield as('another scheme', (r) => r.value.replace('Basic', 'Bearer'));
        yield as('no scheme', (r) => r.value.replace('Basic ', ''));
        yield as('base64 without its padding, or with one too many', (r) => (r.value.endsWith('=') ? r.value.replace(/=+$/, '') : r.value + '='));
    }
}

/* Those of `written` have the signature of other words, the others of their own: by the secret, unless they say more. */
function* forgedJwt(name, line) {
    const { scheme } = presets[name];
    const made = (what, how) => line(what, request(name, how));
    const claimed = (what, claims) => made(`${what}, signed so`, { claims });
    const written = (what, partsOf, how) => {
        const r = request(name, how);
        return line(what, r, { value: scheme.prefix + [partsOf(r.token, r)].flat().join('.') });
    };
    const bytes = (part) => Buffer.from(part, 'base64url');
    const signature = (what, sigOf) => written(what, ([head, claims, sig]) => [head, claims, sigOf(sig)]);
    const changed = (part, change) => {
        const object = JSON.parse(bytes(part));
        change(object);
        return encode(JSON.stringify(object), 'base64url');
    };

    yield written('the scheme alone', () => '');
    {
        const r = request(name);
        yield line('in another header', r, { header: 'X-Other' });
    }
    for (const alg of ['none', 'None', 'NONE', '']) {
        yield written(`alg "${alg}", no signature`, ([head, claims]) => [head, claims, ''], { head: { alg } });
        yield made(`alg "${alg}", with a signature`, { head: { alg } });
    }
    yield made('no alg', { head: { alg: undefined } });
    yield made('alg in lower case', { head: { alg: scheme.algorithms[0].toLowerCase() } });
    yield made('alg in a list', { head: { alg: [scheme.algorithms[0]] } });
    for (const alg of ['HS384', 'HS512'].filter((a) => !scheme.algorithms.includes(a))) {
        yield made('another alg of HMAC, signed by it', { head: { alg } });
    }
    for (const alg of ['HS256', 'HS384', 'HS512']) {
        yield made('an alg, the HMAC of another', { head: { alg }, hash: HASHES[alg === 'HS256' ? 'HS512' : 'HS256'] });
    }
    const pair = keyPair({ kind: 'p256' }, 'forged');
    const sign = (text) => crypto.sign('sha256', text, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
    yield made('by a key pair', { head: { alg: 'ES256' }, sign });
    yield made('by the key in its head', { head: { alg: 'ES256', jwk: pair.publicKey.export({ format: 'jwk' }) }, sign });
    yield made('by the secret in its head', { head: { jwk: { kty: 'oct', k: encode('mine', 'base64url') } }, key: 'mine' });
    yield made('alg RS256, an HMAC', { head: { alg: 'RS256' } });
    yield made('crit of what nobody knows', { head: { crit: ['x'], x: 1 } });
    yield made('an empty key', { key: '' });
    yield made('the key decoded', { key: Buffer.from(secretFor(name, 'now'), 'base64') });

    for (const at of [0, 10, -1]) {
        yield signature('a bit of the signature flipped', (sig) => encode(flipped(bytes(sig), at < 0 ? bytes(sig).length - 1 : at), 'base64url'));
    }
    yield signature('signature truncated', (sig) => encode(bytes(sig).subarray(0, -1), 'base64url'));
    yield signature('signature cut in its text', (sig) => sig.slice(0, -5));
    yield signature('signature longer', (sig) => encode(Buffer.concat([bytes(sig), Buffer.from([0])]), 'base64url'));
    yield signature('signature of zeros', (sig) => encode(Buffer.alloc(bytes(sig).length), 'base64url'));
    yield signature('signature empty', () => '');
    yield signature('signature as hex', (sig) => encode(bytes(sig), 'hex'));
    yield signature('signature with padding', (sig) => sig + '='.repeat(-sig.length & 3));
    {
        let r = request(name);
        while (!/[-_]/.test(r.token[2])) {
            r = request(name);
        }
        yield line('signature in plain base64', r, { value: r.value.slice(0, -r.token[2].length) + r.token[2].replaceAll('-', '+').replaceAll('_', '/') });
    }
    yield written('two parts', ([head, claims]) => [head, claims]);
    yield written('four parts', (parts) => [...parts, parts[2]]);
    yield written('five parts', ([head, claims, sig]) => [head, '', claims, sig, sig]);
    yield written('a space in it', ([head, claims, sig]) => `${head}. ${claims}.${sig}`);
    yield written('twice in one header', (parts) => `${parts.join('.')}, ${parts.join('.')}`);
    yield written('another head', ([head, claims, sig]) => [changed(head, (h) => (h.kid = '1')), claims, sig]);
    yield written('later claims', ([head, claims, sig]) => [head, changed(claims, (c) => (c.exp = (c.exp ?? c.iat) + 60)), sig]);

    if (scheme.bond !== undefined) {
        yield* forgedBond(scheme, { claimed, made, written, changed });
    }
    yield* forgedClaims(name, { claimed, made });
}

function* forgedBond(scheme, { claimed, made, written, changed }) {
    const [bond, encoding] = scheme.bond;
    const digestOf = (text, as) => encode(crypto.createHash('sha256').update(text).digest(), as);
    {
        const other = JSON.stringify({ id: unique() });
        yield written('another body and its digest', ([head, claims, sig], r) => {
            r.body = Buffer.from(other);
            return [head, changed(claims, (c) => (c[bond] = digestOf(other, encoding))), sig];
        });
    }
    yield claimed('the digest of another body', (c) => (c[bond] = digestOf('{}', encoding)));
    yield claimed('no digest of the body', (c) => delete c[bond]);
    yield claimed('an empty digest', (c) => (c[bond] = ''));
    yield claimed('a digest that is null', (c) => (c[bond] = null));
    yield claimed('a digest in a list', (c) => (c[bond] = [c[bond]]));
    yield claimed('a digest in another encoding', (c) => (c[bond] = encode(Buffer.from(c[bond], encoding), encoding === 'hex' ? 'base64' : 'hex')));
    yield claimed('a digest that is cut', (c) => (c[bond] = c[bond].slice(0, -8)));
    yield made('a claim twice, signed so', { claimsText: (c) => JSON.stringify(c).replace('{', `{"${bond}":"${digestOf('{}', encoding)}",`) });
}

function* forgedClaims(name, { claimed, made }) {
    const { scheme } = presets[name];
    yield made('claims in a list, signed so', { claimsText: (c) => JSON.stringify([c]) });
    yield made('claims that are cut, signed so', { claimsText: (c) => JSON.stringify(c).slice(0, -1) });
    if (scheme.issuer !== undefined) {
        yield claimed('another issuer', (c) => (c.iss += '2'));
        yield claimed('the issuer in other letters', (c) => (c.iss = c.iss.toLowerCase()));
        yield claimed('no issuer', (c) => delete c.iss);
        yield claimed('the issuer in a list', (c) => (c.iss = [c.iss]));
    }
    if (scheme.urlClaim !== undefined) {
        yield made('signed for another URL', { url: presets[name].url + '2' });
        yield claimed('no URL', (c) => delete c[scheme.urlClaim]);
        yield claimed('an empty URL', (c) => (c[scheme.urlClaim] = ''));
        yield made('another query', { query: '?foo=1&bar=2', path: '?foo=1&bar=3' });
        if (!scheme.sorts) {
            yield made('the query in another order', { query: '?foo=1&bar=2', path: '?bar=2&foo=1' });
        }
        yield made('a query that is signed and gone', { query: '?foo=1', path: '' });
        yield made('a query that is not signed', { query: '', path: '?foo=1' });
    }
    yield made('a day old, signed so', { now: Date.now() - DAY, claims: (c) => (c.exp ??= c.iat + 60) });
    yield made('a day ahead, signed so', { now: Date.now() + DAY });
    yield claimed('an end that is a text', (c) => (c.exp = String(c.exp ?? c.iat + 60)));
    yield claimed('an end that is null', (c) => (c.exp = null));
    if (scheme.life > 0) {
        yield claimed('no end', (c) => delete c.exp);
    }
}

/* ---- the libraries ---- */

const load = (name) => import(name);
load.cjs = createRequire(import.meta.url);
/* A file of a library whose verifier wants, but does not use, the thousands of files of its API: these are stood in for. */
load.beside = (others, path) => {
    const { _load } = Module;
    Module._load = (wanted, ...more) => others[wanted] ?? _load(wanted, ...more);
    try {
        return load.cjs(`./node_modules/${path}`);
    } finally {
        Module._load = _load;
    }
};
const libraries = new Map();

async function accepts(name, which, method, lines, body, query = '') {
    const h = {};
    for (const [k, v] of lines) { /* as node's http joins them */
        const key = k.toLowerCase();
        h[key] = key in h && key !== 'authorization' ? `${h[key]}, ${v}` : h[key] ?? v;
    }
    try {
        const ask = libraries.get(name) ?? (() => { throw new Error('it cannot be loaded'); });
        const said = await ask({ h, text: body.toString(), bytes: body, method, query, url: presets[name].url && presets[name].url + query }, secretFor(name, which));
        return { accepts: Boolean(said) };
    } catch (e) {
        return { accepts: false, why: String(e?.message ?? e).slice(0, 200) };
    }
}

/* What `penstock send` has made, where there is no library: with the scheme of the table. */
function signedLikeOurs(name, lines, body) {
    const { scheme, url } = presets[name];
    const of = (header) => lines.find(([k]) => k.toLowerCase() === header?.toLowerCase())?.[1];
    const value = of(scheme.header);
    const r = request(name, {});
    if (scheme.kind === 'inside') {
        const event = JSON.parse(body), given = JSON.stringify(event);
        scheme.seal(event, (text) => encode(digest(name, [text], { hash: scheme.hash ?? 'sha256' }), scheme.encoding), r.secret);
        return JSON.stringify(event) === given;
    }
    if (scheme.kind === 'token' || scheme.kind === 'basic') {
        return value === r.value;
    }
    if (scheme.kind === 'jwt') {
        const [head, claims, sig] = value.slice(scheme.prefix.length).split('.');
        const made = crypto.createHmac(HASHES.HS256, r.secret).update(`${head}.${claims}`).digest('base64url');
        return sig === made && JSON.parse(Buffer.from(claims, 'base64url'))[scheme.urlClaim] === url;
    }
    const ts = scheme.timeInside ? value?.match(/(?:t|ts|v)=([^,;]*)/)?.[1] : of(scheme.timeHeader);
    const parts = scheme.text({ body, ts, id: of(scheme.idHeader), url, method: 'POST', secret: r.secret });
    return value === scheme.write({ sigs: [encode(digest(name, parts, {}), scheme.encoding)], at: ts });
}

/* ---- what is asked of us ---- */

async function cases(name) {
    for (const c of [...genuine(name), ...forged(name)]) {
        const { r } = c;
        const lines = c.lower ? c.headers.map(([k, v]) => [k.toLowerCase(), v]) : c.headers;
        const library = presets[name].ask && (await accepts(name, c.secret ?? 'now', r.method, lines, r.body, r.query));
        say({
            provider: name, name: c.what, method: r.method, path: `/hooks/${name}${r.query}`, headers: lines, body: r.body.toString('base64'), expect: c.expect,
            reason: /^a day/.test(c.what) ? 'stale_timestamp' : 'bad_signature', library, differs: presets[name].differs?.[c.what],
        });
    }
    say({ end: true });
}

const about = (name) => {
    const { scheme, library, url, issuer } = presets[name];
    const both = scheme.kind === 'none' ? [] : scheme.publicKey ? [secretFor(name, 'now')] : [secretFor(name, 'now'), secretFor(name, 'before')];
    return {
        name, library: library && `${library}@${packages[library].version}`, public_url: url, issuer, secrets: both,
        sends: (presets[name].sends ?? scheme.publicKey === undefined) && !['none', 'query'].includes(scheme.kind), seals: scheme.kind === 'inside',
    };
};

async function obey({ do: what, name, headers: lines, body, event }) {
    if (what === 'presets') {
        say(Object.keys(presets).map(about));
    } else if (what === 'vectors') {
        say(vectors.map((v) => ({ ...v, body: Buffer.from(v.body).toString('base64') })));
    } else if (what === 'load') { /* first, so that nothing that is signed grows old meanwhile */
        try {
            libraries.set(name, await presets[name].ask(load));
            say({});
        } catch (e) {
            say({ why: String(e?.stack ?? e).slice(0, 600) });
        }
    } else if (what === 'cases') {
        await cases(name);
    } else if (what === 'body') {
        const { plain } = presets[name]; /* of what is sealed: the event alone */
        say({ body: (plain === undefined ? request(name).body : Buffer.from(plain(unique()))).toString('base64') });
    } else if (what === 'check') {
        const bytes = Buffer.from(body, 'base64');
        say(presets[name].ask ? await accepts(name, 'now', 'POST', lines, bytes) : { accepts: signedLikeOurs(name, lines, bytes) });
    }
}

if (process.argv[2] === 'packages') {
    say(packages);
} else {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        await obey(JSON.parse(line));
    }
    process.exit(0); /* whatever a library has left open */
}
