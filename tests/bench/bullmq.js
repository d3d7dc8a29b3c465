// What many would build: accept, check the signature, one BullMQ job a destination, workers that post.
// Modules come from NODE_PATH; ports and the secret from the environment.
const http = require('node:http');
const crypto = require('node:crypto');
const { Queue, Worker } = require('bullmq');

const env = process.env;
const connection = { host: '127.0.0.1', port: Number(env.REDIS_PORT), maxRetriesPerRequest: null };
const options = { attempts: 8, backoff: { type: 'exponential', delay: 1000 }, removeOnComplete: true };
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const queues = [];

function deliver(port, job) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', agent, timeout: 15000,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(job.data.body) } }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode < 300 ? resolve() : reject(new Error(String(answer.statusCode)))));
    });
    request.on('error', reject);
    request.end(job.data.body);
  });
}

for (let i = 0; i < Number(env.COUNT); i++) {
  queues.push(new Queue('d' + i, { connection, defaultJobOptions: options }));
  new Worker('d' + i, (job) => deliver(Number(env.FIRST) + i, job), { connection, concurrency: 32 });
}

http.createServer((request, answer) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const body = Buffer.concat(chunks);
    const wanted = 'sha256=' + crypto.createHmac('sha256', env.SECRET).update(body).digest('hex');
    const given = Buffer.from(String(request.headers['x-hub-signature-256']));
    if (given.length !== wanted.length || !crypto.timingSafeEqual(given, Buffer.from(wanted))) {
      answer.writeHead(401).end();
      return;
    }
    await Promise.all(queues.map((queue) => queue.add('event', { body: body.toString() })));
    answer.writeHead(200, { 'content-length': 2 }).end('{}');
  });
}).listen(Number(env.PORT), '127.0.0.1');
