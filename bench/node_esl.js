// The ESL peer: the npm client modesl, counting the calls whose both legs hung up.
// usage: node node_esl.js PORT CALLS
'use strict';
const [port, wanted] = process.argv.slice(2).map(Number);
const esl = require('modesl');
const live = new Set();
let began = 0, cpu = null;
let done = 0;
const conn = new esl.Connection('127.0.0.1', port, 'ClueCon', () => {
  conn.events('json', 'all', () => setTimeout(() => console.log('ready'), 500));
});
conn.on('esl::event::CHANNEL_CREATE::*', (e) => {
  if (!began) {
    began = process.hrtime.bigint();
    cpu = process.cpuUsage();
  }
  if (e.getHeader('Call-Direction') === 'inbound') live.add(e.getHeader('Unique-ID'));
});
conn.on('esl::event::CHANNEL_HANGUP_COMPLETE::*', (e) => {
  if (live.delete(e.getHeader('Unique-ID')) && ++done === wanted) {
    const used = process.cpuUsage(cpu);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    console.log(JSON.stringify({ seconds, cpu: (used.user + used.system) / 1e6 }));
    process.exit(0);
  }
});
