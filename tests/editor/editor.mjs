/* editor.mjs PACKAGES FOLDER: the schema and the sample of FOLDER in ajv, and in yaml-language-server over stdio. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages, folder] = process.argv.slice(2);
const load = createRequire(path.join(packages, 'index.js'));
let checks = 0;
const failures = [];
function check(good, what) {
    checks++;
    if (!good) failures.push(what);
}

/* ---- ajv ---- */

const source = 'sources: {stripe: {verify: stripe, secret: "${SECRET}"}}\n';
const good = {
    'short forms': `${source}destinations: {a: "https://a/", b: {url: "https://b/", retry: {schedule: 5s}}}\nroutes: [{from: stripe, to: a}]\n`,
    'nothing below a key': `${source}redis:\nlisten:\n`,
    'texts that look otherwise': `${source}redis: {prefix: 014, retention: {history: 1h30m}}\nroutes: [{name: 5, from: "*", to: a}]\n`,
    'variables for anything': `${source}workers: "\${WORKERS}"\nlisten: {proxy_protocol: "\${PP:-false}", limits: {body: "\${BODY:-1MiB}"}}\n`,
    'anchors and merge keys': `x: 1\n${source}`.slice(5) + 'destinations:\n  a: &a {url: "https://a/", timeout: 5s}\n  b: {<<: *a, timeout: 9s}\n',
    'dedupe alone': 'sources: {s: {verify: stripe, secret_file: /run/x, dedupe: 24h, methods: POST}}\n',
    'named secrets': 'sources: {s: {verify: stripe, secrets: {new: a, old: b}}}\n',
    'schemes': 'sources: {s: {verify: [github, {type: hmac, header: X-S}]}, t: {verify: {all: [github, stripe]}}}\n',
    'an included file': `include: conf.d/*.yaml\n${source}`,
    'conditions': `${source}defaults: {destination: {retry: {on: [network, 503, 5xx], exponential: {factor: 1.5}}}}\n`,
};
const wrong = {
    'an unknown key': `${source}source: {}\n`,
    'a key that is misspelt deep down': 'sources: {s: {verify: stripe, secret: x, respond: {stauts: 202}}}\n',
    'no verify': 'sources: {s: {secret: x}}\n',
    'a provider that is misspelt': 'sources: {s: {verify: strip}}\n',
    'a list for a mapping': 'sources: [{verify: stripe}]\n',
    'a number for a duration': `${source}shutdown: {delay: 5}\n`,
    'a number for a size': `${source}listen: {limits: {body: 1000}}\n`,
    'a unit that is none': `${source}shutdown: {delay: 5 minutes}\n`,
    'a count beyond its bound': `${source}workers: 65\n`,
    'yes for true': `${source}listen: {proxy_protocol: yes}\n`,
    'a word that is none': `${source}redis: {durability: always}\n`,
    'a level that is none': `${source}log: {level: warning}\n`,
    'a status that is none': `${source}defaults: {destination: {retry: {on: [200]}}}\n`,
    'a rate without its unit': 'sources: {s: {verify: stripe, rate: 500}}\n',
    'a name in capitals': 'sources: {Stripe: {verify: stripe}}\n',
    'a route to nowhere': `${source}routes: [{from: stripe}]\n`,
    'a route that is a text': `${source}routes: [stripe]\n`,
    'a redis of http': `${source}redis: {url: "http://redis"}\n`,
    'a method that is none': 'sources: {s: {verify: stripe, methods: [PSOT]}}\n',
    'schemes beside all': 'sources: {s: {verify: {all: [github], type: stripe}}}\n',
};

function ajv() {
    const Ajv = load('ajv');
    const yaml = load('yaml');
    const schema = JSON.parse(fs.readFileSync(path.join(folder, 'penstock.schema.json'), 'utf8'));
    const valid = new Ajv.default({ allErrors: true, strict: true, strictTypes: false }).compile(schema);
    const read = (text) => yaml.parse(text, { merge: true });
    const sample = fs.readFileSync(path.join(folder, 'penstock.yaml'), 'utf8');
    check(valid(read(sample)), `the sample: ${JSON.stringify(valid.errors)}`);
    for (const name of fs.readdirSync(folder).filter((n) => n.startsWith('warn_'))) {
        check(valid(read(fs.readFileSync(path.join(folder, name), 'utf8'))), `ajv refuses ${name}: ${JSON.stringify(valid.errors)}`);
    }
    for (const [name, text] of Object.entries(good)) check(valid(read(text)), `ajv refuses ${name}: ${JSON.stringify(valid.errors)}`);
    for (const [name, text] of Object.entries(wrong)) check(!valid(read(text)), `ajv takes ${name}`);
}

/* ---- yaml-language-server ---- */

class Server {
    constructor() {
        const program = path.join(packages, 'node_modules/yaml-language-server/bin/yaml-language-server');
        this.child = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
        this.answers = new Map();
        this.diagnostics = new Map();
        this.waiting = [];
        this.id = 0;
        this.bytes = Buffer.alloc(0);
        this.child.stdout.on('data', (data) => {
            this.bytes = Buffer.concat([this.bytes, data]);
            while (this.take());
        });
    }

    take() {
        const end = this.bytes.indexOf('\r\n\r\n');
        if (end < 0) return false;
        const length = Number(/content-length: *(\d+)/i.exec(this.bytes.subarray(0, end).toString())[1]);
        if (this.bytes.length < end + 4 + length) return false;
        const message = JSON.parse(this.bytes.subarray(end + 4, end + 4 + length).toString());
        this.bytes = this.bytes.subarray(end + 4 + length);
        this.on(message);
        return true;
    }

    on(m) {
        if (m.method === 'textDocument/publishDiagnostics') {
            this.diagnostics.set(m.params.uri, m.params.diagnostics);
            this.waiting = this.waiting.filter(([uri, done]) => uri !== m.params.uri || done(m.params.diagnostics));
        } else if (m.method !== undefined && m.id !== undefined) { // it asks; there is nothing to say
            const nothing = m.method === 'workspace/configuration' ? m.params.items.map(() => null) : null;
            this.write({ id: m.id, result: nothing });
        } else if (this.answers.has(m.id)) {
            this.answers.get(m.id)(m);
            this.answers.delete(m.id);
        }
    }

    write(m) {
        const text = JSON.stringify({ jsonrpc: '2.0', ...m });
        this.child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    }

    ask(method, params) {
        const id = ++this.id;
        return new Promise((resolve, reject) => {
            this.answers.set(id, (m) => (m.error ? reject(new Error(`${method}: ${m.error.message}`)) : resolve(m.result)));
            this.write({ id, method, params });
        });
    }

    async start() {
        await this.ask('initialize', { processId: process.pid, rootUri: pathToFileURL(folder).href, capabilities: {} });
        this.write({ method: 'initialized', params: {} });
        const settings = { yaml: { validate: true, completion: true, hover: true, schemaStore: { enable: false, url: '' } } };
        this.write({ method: 'workspace/didChangeConfiguration', params: { settings } });
    }

    /* Opens a file of that text and waits for what is found in it. */
    open(text) {
        const uri = pathToFileURL(path.join(folder, `file${++this.id}.yaml`)).href;
        const found = new Promise((resolve) => this.waiting.push([uri, (d) => resolve(d) || false]));
        this.write({ method: 'textDocument/didOpen', params: { textDocument: { uri, languageId: 'yaml', version: 1, text } } });
        return found.then((diagnostics) => ({ uri, diagnostics }));
    }

    /* What is offered at the "|" of the text. */
    async offered(text) {
        const at = text.indexOf('|');
        const before = text.slice(0, at).split('\n');
        const { uri } = await this.open(text.slice(0, at) + text.slice(at + 1));
        const position = { line: before.length - 1, character: before[before.length - 1].length };
        const list = await this.ask('textDocument/completion', { textDocument: { uri }, position });
        return (list.items ?? list ?? []).map((item) => item.label);
    }

    async hover(text) {
        const at = text.indexOf('|');
        const before = text.slice(0, at).split('\n');
        const { uri } = await this.open(text.slice(0, at) + text.slice(at + 1));
        const position = { line: before.length - 1, character: before[before.length - 1].length };
        return JSON.stringify(await this.ask('textDocument/hover', { textDocument: { uri }, position }));
    }

    async stop() {
        await this.ask('shutdown', null);
        this.write({ method: 'exit' });
        this.child.stdin.end();
        await new Promise((resolve) => this.child.once('exit', resolve));
    }
}

const line = '# yaml-language-server: $schema=./penstock.schema.json\n';
const start = `${line}sources:\n  stripe:\n    verify: stripe\n`;

const completions = [
    ['the keys at the top', `${line}version: 1\n|`, ['sources', 'destinations', 'routes', 'redis', 'include']],
    ['the keys of a source', `${start}    se|\n`, ['secret', 'secrets', 'secret_file']],
    ['the rest of a source', `${start}    |\n`, ['dedupe', 'respond', 'allow_from', 'rate']],
    ['the keys of a route', `${start}routes:\n  - from: stripe\n    |\n`, ['to', 'events', 'stop', 'name']],
    ['the keys of a destination', `${start}destinations:\n  billing:\n    url: https://a/\n    |\n`, ['retry', 'timeout', 'headers']],
    ['the keys of its retry', `${start}destinations:\n  billing:\n    url: https://a/\n    retry:\n      |\n`, ['schedule', 'exponential', 'on']],
    ['providers', `${line}sources:\n  stripe:\n    verify: |\n`, ['stripe', 'github', 'shopify']],
    ['words', `${start}redis:\n  durability: |\n`, ['memory', 'fsync', 'replica']],
    ['levels of the log', `${start}log:\n  level: |\n`, ['debug', 'info', 'warn', 'error']],
];

/* A text, where the complaint must be (line and column from 0), and a word of it. */
const mistakes = [
    ['a misspelt key in a route', `${start}routes:\n  - from: stripe\n    too: billing\n`, 6, 4, 'too'],
    ['a misspelt key in a source', `${start}    sceret: x\n`, 4, 4, 'sceret'],
    ['a key that is nobody\'s', `${start}destination: {}\n`, 4, 0, 'destination'],
    ['a number for a duration', `${start}destinations:\n  a: {url: "https://a/", timeout: 30}\n`, 5, 35, 'type'],
    ['a list for a block', `${start}redis: [1]\n`, 4, 7, 'type'],
    ['a word that is none', `${start}log: {level: loud}\n`, 4, 13, 'debug'],
    ['a missing verify', `${line}sources:\n  stripe: {secret: x}\n`, 2, 2, 'verify'],
];

async function editor() {
    const server = new Server();
    await server.start();
    const sample = fs.readFileSync(path.join(folder, 'penstock.yaml'), 'utf8');
    check(sample.includes('# yaml-language-server: $schema='), 'the sample names no schema');
    const { diagnostics } = await server.open(sample);
    check(diagnostics.length === 0, `the sample is complained about: ${JSON.stringify(diagnostics)}`);
    for (const [name, text] of Object.entries(good)) {
        const found = (await server.open(line + text)).diagnostics;
        check(found.length === 0, `complains about ${name}: ${JSON.stringify(found)}`);
    }
    for (const [name, text] of Object.entries(wrong)) {
        const found = (await server.open(line + text)).diagnostics;
        check(found.length > 0, `does not flag ${name}`);
    }
    for (const [name, text, wanted] of completions) {
        const labels = await server.offered(text);
        const missing = wanted.filter((w) => !labels.includes(w));
        check(missing.length === 0, `does not offer ${missing} of ${name}: ${labels}`);
    }
    for (const [name, text, row, column, word] of mistakes) {
        const found = (await server.open(text)).diagnostics;
        const hit = found.some(({ range: { start: s, end: e }, message }) =>
            s.line === row && s.character <= column && (e.line > row || e.character > column) && message.includes(word));
        check(hit, `does not flag ${name} at ${row}:${column}: ${JSON.stringify(found)}`);
    }
    const said = await server.hover(`${start}    dedu|pe: 24h\n`);
    check(said.includes('comes again'), `says nothing of dedupe: ${said}`);
    await server.stop();
}

ajv();
await editor();
for (const f of failures) console.log(f);
console.log(`${checks - failures.length} of ${checks} checks of the schema hold`);
process.exit(failures.length > 0 ? 1 : 0);
