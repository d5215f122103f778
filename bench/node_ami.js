// The AMI peer: the npm client asterisk-manager, counting the calls that hung up.
// usage: node node_ami.js PORT CALLS
'use strict';
const [port, wanted] = process.argv.slice(2).map(Number);
const ami = new (require('asterisk-manager'))(port, '127.0.0.1', 'u', 's', true);
let began = 0, cpu = null;
const live = new Set();
let done = 0;
ami.on('connect', () => setTimeout(() => console.log('ready'), 500));
ami.on('managerevent', (e) => {
  if (!began && e.event === 'Newchannel') {
    began = process.hrtime.bigint();
    cpu = process.cpuUsage();
  }
  if (e.event === 'Newchannel' && e.uniqueid === e.linkedid) live.add(e.uniqueid);
  if (e.event === 'Hangup' && live.delete(e.uniqueid) && ++done === wanted) {
    const used = process.cpuUsage(cpu);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    console.log(JSON.stringify({ seconds, cpu: (used.user + used.system) / 1e6 }));
    process.exit(0);
  }
});
