// The timer peer: BullMQ delayed jobs on Redis; a job does nothing.
// usage: node node_bullmq.js REDIS_PORT BURST RATE SECONDS
'use strict';
const { Queue, Worker } = require('bullmq');
const [port, burst, rate, seconds] = process.argv.slice(2).map(Number);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };

async function add(queue, count, delayOf) {
  for (let i = 0; i < count; i += 1000) {
    const jobs = [];
    for (let k = i; k < Math.min(count, i + 1000); k++) {
      const due = delayOf(k);
      jobs.push({ name: 'step', data: { due }, opts: { delay: Math.max(1, due - Date.now()), removeOnComplete: true } });
    }
    await queue.addBulk(jobs);
  }
}

async function run(name, count, delayOf) {
  const queue = new Queue(name, { connection });
  await add(queue, count, delayOf);
  const late = [];
  let first = 0;
  return new Promise((resolve) => {
    const worker = new Worker(name, async (job) => {
      first = first || Date.now();
      late.push(Date.now() - job.data.due);
      if (late.length === count) {
        const took = (Date.now() - first) / 1000;
        setImmediate(async () => {
          await worker.close(true);
          await queue.close();
          late.sort((a, b) => a - b);
          resolve({ took, late });
        });
      }
    }, { connection, concurrency: 100 });
  });
}

(async () => {
  const soon = Date.now() + 5000;
  const all = await run('burst', burst, () => soon);
  const begin = Date.now() + 5000;
  const steady = await run('steady', rate * seconds, (k) => begin + k * 1000 / rate);
  const at = (share) => Math.round(steady.late[Math.floor((steady.late.length - 1) * share)]);
  console.log(JSON.stringify({ rate: burst / all.took, p50: at(0.5), p99: at(0.99), max: at(1) }));
  process.exit(0);
})();
