// The peer of the pop benchmark: the same work as a competent Node program would do it.
//
// One process, node:net, JSON.parse, better-sqlite3 in WAL with synchronous=FULL. Owners are read
// from a copy of steward's own store through prepared statements behind a Map as cache; events are
// stored in group commits (whatever came within 5 ms, at most 256), acked after the commit.
//
// usage: node node_server.js PORT OWNERS.db CALLS.db
'use strict';
const net = require('node:net');
const Database = require('better-sqlite3');

const [port, ownersPath, callsPath] = process.argv.slice(2);
const owners = new Database(ownersPath, { readonly: true });
const calls = new Database(callsPath);
calls.pragma('journal_mode = WAL');
calls.pragma('synchronous = FULL');
calls.pragma('cache_size = -65536');
calls.exec(`CREATE TABLE IF NOT EXISTS source (name TEXT PRIMARY KEY, last_seq INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS call (id INTEGER PRIMARY KEY, source TEXT NOT NULL, call TEXT NOT NULL, state TEXT NOT NULL,
    party TEXT, device TEXT, started_at INTEGER, answered_at INTEGER, ended_at INTEGER, UNIQUE (source, call));
  CREATE INDEX IF NOT EXISTS call_party ON call (party, started_at);`);

const byPhone = owners.prepare(`SELECT p.id, p.name, p.language, p.segment, p.flags, p.tier, h.label
  FROM phone h JOIN person p ON p.id = h.person_id WHERE h.e164 = ?`);
const tenures = owners.prepare(`SELECT t.role, t.from_on, u.id, u.name AS unit, b.name AS building, e.name AS estate
  FROM tenure t JOIN unit u ON u.id = t.unit_id JOIN building b ON b.id = u.building_id JOIN estate e ON e.id = b.estate_id
  WHERE t.person_id = ?`);
const household = owners.prepare(`SELECT DISTINCT p.id, p.name, t.role FROM tenure m JOIN tenure t ON t.unit_id = m.unit_id
  JOIN person p ON p.id = t.person_id WHERE m.person_id = ? AND p.id <> m.person_id`);
const vehicles = owners.prepare('SELECT plate, space FROM vehicle WHERE person_id = ?');
const upsert = calls.prepare(`INSERT INTO call (source, call, state, party, device, started_at, answered_at, ended_at)
  VALUES (@source, @call, @state, @party, @device, @started, @answered, @ended)
  ON CONFLICT (source, call) DO UPDATE SET state = excluded.state, device = excluded.device,
    answered_at = excluded.answered_at, ended_at = excluded.ended_at`);
const lastSeq = calls.prepare(`INSERT INTO source VALUES (?, ?)
  ON CONFLICT (name) DO UPDATE SET last_seq = excluded.last_seq`);
const begin = calls.prepare('BEGIN'), commit = calls.prepare('COMMIT');

const cards = new Map();
function card(e164) {
  let text = cards.get(e164);
  if (text === undefined) {
    text = JSON.stringify(byPhone.all(e164).map((p) => ({
      id: p.id, name: p.name, language: p.language, phone_label: p.label, segment: p.segment,
      flags: p.flags ? p.flags.split(';') : [], tenures: tenures.all(p.id), household: household.all(p.id),
      vehicles: vehicles.all(p.id), certainty: 'certain', reason: 'phone',
    })));
    cards.set(e164, text);
  }
  return text;
}

function normalise(raw) {
  const digits = raw.replace(/[^0-9+]/g, '');
  if (digits.startsWith('+')) return digits;
  return digits.startsWith('00') ? '+' + digits.slice(2) : '+86' + digits.replace(/^0/, '');
}

const phones = new Map(); // device -> sockets
const live = new Map();
let pending = [], timer = null;

function flush() {
  timer = null;
  const batch = pending.splice(0, 256);
  const last = new Map();
  begin.run();
  for (const e of batch) {
    upsert.run(e.row);
    last.set(e.link, e.seq);
  }
  for (const [link, seq] of last) lastSeq.run(link.name, seq);
  commit.run();
  for (const [link, seq] of last) link.socket.write(`{"type":"ack","seq":${seq}}\n`);
  if (pending.length) timer = setImmediate(flush);
}

function onEvent(link, m) {
  const key = m.call, now = Date.now();
  let call = live.get(key);
  if (!call) {
    const party = normalise(m.calling || '');
    call = { source: link.name, call: m.call, state: 'queued', party, device: null, started: now, answered: null, ended: null };
    live.set(key, call);
  }
  if (m.event === 'delivered') {
    call.state = 'delivered';
    call.device = m.device;
    const owners = card(call.party);
    const line = `{"type":"pop","source":${JSON.stringify(link.name)},"call":${JSON.stringify(m.call)},"device":"${m.device}",` +
      `"at":"${new Date(now).toISOString()}","direction":"inbound","party":"${call.party}","calling_raw":${JSON.stringify(m.calling)},` +
      `"called":${JSON.stringify(m.called)},"queue":${JSON.stringify(m.queue)},"match":"${owners === '[]' ? 'none' : 'one'}",` +
      `"owners":${owners},"update":false}\n`;
    for (const socket of phones.get(m.device) || []) socket.write(line);
  } else if (m.event === 'established') {
    call.state = 'established';
    call.answered = now;
  } else if (m.event === 'cleared') {
    call.state = 'cleared';
    call.ended = now;
    live.delete(key);
  }
  pending.push({ link, seq: m.seq, row: { ...call } });
  if (!timer) timer = setTimeout(flush, 5);
}

function onLine(link, line) {
  const m = JSON.parse(line);
  if (m.type === 'hello') {
    link.name = m.name;
    if (m.role === 'agent') {
      if (!phones.has(m.device)) phones.set(m.device, []);
      phones.get(m.device).push(link.socket);
    }
    link.socket.write('{"type":"welcome","v":1,"last_seq":0,"server":"node"}\n');
  } else if (m.type === 'event') {
    onEvent(link, m);
  }
}

net.createServer((socket) => {
  const link = { socket, name: null };
  let rest = '';
  socket.setNoDelay(true);
  socket.setEncoding('utf8');
  socket.on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    for (const line of lines) onLine(link, line);
  });
  socket.on('error', () => socket.destroy());
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
