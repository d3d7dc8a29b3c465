/* Makes the requests of every preset, and asks the providers' libraries: the part of tests/providers/run that
 * must be JavaScript. It is copied beside node_modules, for that is where `import` looks.
 *   node ask.mjs packages    what is to be installed
 *   node ask.mjs             JSON lines on both ends: {do: presets}, {do: cases, name}, {do: check, ...}: `obey` */
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
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
    return scheme.publicKey === 'spki' ? der.toString('base64') : der.subarray(-32).toString(scheme.publicKey);
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

let count = 0;
const unique = () => `${process.pid}-${++count}`;

/* A request as the provider makes it; `how` says in what it differs. */
function request(name, how = {}) {
    const row = presets[name];
    const { scheme } = row;
    const n = unique(), now = how.now ?? Date.now(), names = { ...scheme, ...how.names };
    const event = row.body?.(n, now) ?? { id: `evt_${n}`, type: 'sample.created', data: { object: { name: 'pipe', amount: 5000 } } };
    const r = { name, value: null, method: 'POST', url: how.url ?? row.url, query: how.query ?? '', json: how.json, n, id: `msg_${n}`, now, event };
    const type = how.type === undefined ? row.type ?? 'application/json' : how.type;
    r.fixed = [...(type === null ? [] : [['Content-Type', type]]), ...Object.entries(row.headers?.(n) ?? {}), ...(how.with ?? [])];
    r.secret = scheme.kind === 'none' ? '' : how.secret ?? secretFor(name, how.which ?? 'now');
    if (scheme.kind === 'inside') {
        scheme.seal(event, (text) => encode(digest(name, [text], { hash: 'sha256', ...how }), scheme.encoding), r.secret);
        how.change?.(event, scheme.at);
    }
    r.body = Buffer.from(how.body?.(event, n) ?? row.write?.(event, n) ?? JSON.stringify(event));
    if (scheme.kind === 'none' || scheme.kind === 'inside') {
        return { ...r, names };
    }
    if (scheme.kind === 'token' || scheme.kind === 'basic') {
        r.value = scheme.kind === 'token' ? r.secret : 'Basic ' + encode(Buffer.from(r.secret), 'base64');
        return { ...r, names };
    }
    r.ts = how.ts ?? scheme.time?.(now);
    r.signed = digest(name, scheme.text(r), how);
    r.sig = encode(r.signed, scheme.encoding);
    r.value = scheme.write({ sigs: [r.sig], at: r.ts, key: how.key_name });
    return { ...r, names, query: how.path ?? r.query, body: how.sent === undefined ? r.body : Buffer.from(how.sent) };
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
    yield line('raw bytes', request(name, { body: (e, n) => row.writeRaw?.(n) ?? JSON.stringify(e, null, 2).replace('{', '{ "\\u00e9t\\u00e9":\t"été 夏 \\/ 🚰",') + '\n' }));
    if (scheme.kind === 'none') {
        return;
    }
    yield { ...line('names in lower case', request(name)), lower: true };
    if (scheme.publicKey === undefined) {
        yield { ...line('the secret before', request(name, { which: 'before' })), secret: 'before' };
    }
    if (scheme.kind === 'token' || scheme.kind === 'basic' || scheme.kind === 'inside') {
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
    yield changed('body changed', (b) => Buffer.from(b.toString().replace(/[a-z](?=[^a-z]*$)/, (c) => (c === 'a' ? 'b' : 'a'))));
    yield changed('body truncated', (b) => b.subarray(0, -1));
    yield changed('body longer', (b) => Buffer.concat([b, Buffer.from('\n')]));
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
        yield line('another digest', request(name, { hash: scheme.hash === 'sha1' ? 'sha256' : 'sha1' }));
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
    yield* forgedTime(name, line);
    if (scheme.idHeader !== undefined) {
        yield line('another id', request(name), { id: `msg_${unique()}` });
        yield line('no id', request(name), { id: null });
    }
    yield* further(name, 'refuse');
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
        yield line('another digest', request(name, { hash: 'sha1' }));
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

/* ---- the libraries ---- */

const load = (name) => import(name);
load.cjs = createRequire(import.meta.url);
const libraries = new Map();

async function accepts(name, which, method, lines, body, query = '') {
    const h = {};
    for (const [k, v] of lines) { /* as node's http joins them */
        const key = k.toLowerCase();
        h[key] = key in h && key !== 'authorization' ? `${h[key]}, ${v}` : h[key] ?? v;
    }
    try {
        const ask = libraries.get(name) ?? (() => { throw new Error('it cannot be loaded'); });
        const said = await ask({ h, text: body.toString(), bytes: body, method, url: presets[name].url && presets[name].url + query }, secretFor(name, which));
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
    if (scheme.kind === 'token' || scheme.kind === 'basic') {
        return value === r.value;
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
    const { scheme, library, url, body } = presets[name];
    const both = scheme.kind === 'none' ? [] : scheme.publicKey ? [secretFor(name, 'now')] : [secretFor(name, 'now'), secretFor(name, 'before')];
    return {
        name, library: library && `${library}@${packages[library].version}`, public_url: url, secrets: both,
        sends: (presets[name].sends ?? scheme.publicKey === undefined) && scheme.kind !== 'none' && scheme.kind !== 'inside',
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
        say({ body: request(name).body.toString('base64') });
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
