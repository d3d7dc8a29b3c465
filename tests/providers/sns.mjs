/* Asks AWS' own sns-validator of each message: the part of sns.py that must be JavaScript.
 *   node sns.mjs PORT    JSON lines on both ends: a message in base64, what it says. The certificates are at localhost:PORT. */
import { createRequire } from 'node:module';
import readline from 'node:readline';

const Validator = createRequire(import.meta.url)('sns-validator');
const validator = new Validator(new RegExp(`^localhost:${process.argv[2]}$`));
const asked = (text) => new Promise((done) => validator.validate(text, (why) => done(why ? { accepts: false, why: why.message } : { accepts: true })));

for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await asked(Buffer.from(JSON.parse(line), 'base64').toString())) + '\n');
}
