"""kill -9 at many points under load: nothing acked is lost, nothing is doubled.

Calls go on all the time; the daemon is killed at random moments and started again; the PBX resends
what was not acked, as the line protocol says. Afterwards every call, ticket, ladder step and
message is there exactly once (a message may have left twice, then under the same key).
"""
import collections
import os
import random
import threading

import steward

POLICY = """
  standard:
    calendar: always
    clocks: {claim: 10m, first_reply: 10m, resolve: 1s, feedback: 10m, confirm: 10m}
    escalate:
      - {at: 100%, tell: [responder]}
      - {at: +1s, tell: [supervisor]}
"""
CALLS = 120
KILLS = 6


class Load:
    """A PBX that rings, answers and clears, numbered across reconnects."""

    def __init__(self, site, rng):
        self.site, self.rng = site, rng
        self.events = []
        for i in range(CALLS):
            name, device = f"crash-{i}", "1001"
            # a caller each, so that every answered call opens a ticket of its own
            self.events += [
                {"event": "delivered", "call": name, "device": device, "direction": "inbound",
                 "calling": f"139{10000000 + i}", "called": "4008000"},
                {"event": "established", "call": name, "device": device},
                {"event": "cleared", "call": name, "by": "caller"},
            ]
        self.acked = 0

    def connect(self):
        self.pbx = self.site.pbx("pbx-a")
        last = self.pbx.welcome["last_seq"]
        assert last >= self.acked, f"acked up to {self.acked}, but only {last} are durable"
        assert last <= len(self.events)
        self.next = last + 1

    def push(self, count):
        """Sends up to count events without waiting for each ack."""
        for _ in range(count):
            if self.next > len(self.events):
                return
            self.pbx.send({"type": "event", "seq": self.next, **self.events[self.next - 1]})
            self.next += 1

    def drain(self, until):
        while self.acked < until:
            self.acked = max(self.acked, self.pbx.expect("ack")["seq"])

    def listen_a_little(self):
        """Takes the acks that are there without waiting for more."""
        self.pbx.sock.setblocking(False)
        try:
            while True:
                data = self.pbx.sock.recv(65536)
                if not data:
                    break
                self.pbx.buffer += data
        except (BlockingIOError, ConnectionResetError):
            pass
        *lines, self.pbx.buffer = self.pbx.buffer.split(b"\n")
        for line in lines:
            obj = steward.json.loads(line)
            if obj["type"] == "ack":
                self.acked = max(self.acked, obj["seq"])


def test_kill_under_load(make, sink):
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print("SEED", seed)
    rng = random.Random(seed)
    site = make(start=False)
    site.section("policies", POLICY)
    site.webhook("sms", sink.url)
    site.start()
    site.ctl("user", "add", "li.na", "--role", "agent", "--device", "1001", "--phone", "13600136001")
    site.ctl("user", "add", "sun.li", "--role", "supervisor", "--phone", "13600136002")
    load = Load(site, rng)
    load.connect()
    for _ in range(KILLS):
        for _ in range(rng.randrange(1, 5)):
            load.push(rng.randrange(1, 30))
            threading.Event().wait(rng.random() * 0.05)
        load.listen_a_little()
        site.kill()
        load.pbx.close()
        site.start()
        load.connect()
    load.push(len(load.events))
    load.drain(len(load.events))
    check_calls_and_tickets(site)
    check_ladders(site, sink)
    assert site.ctl("audit", "verify").returncode == 0


def everything(site, path):
    items, cursor = [], ""
    while True:
        page = site.get(f"{path}?limit=500{cursor}")
        items += page["items"]
        if not page["next"]:
            return items
        cursor = f"&cursor={page['next']}"


def check_calls_and_tickets(site):
    calls = everything(site, "/calls")
    names = collections.Counter(c["call"] for c in calls)
    assert len(calls) == CALLS and max(names.values()) == 1
    assert all(c["disposition"] == "answered" and not c["gap"] for c in calls)
    tickets = everything(site, "/tickets")
    assert len(tickets) == CALLS
    assert len({t["caller"] for t in tickets}) == CALLS
    assert all(t["responder"] == "li.na" for t in tickets)
    assert {c["ticket"] for c in calls} == {t["id"] for t in tickets}


def check_ladders(site, sink):
    steward.eventually(lambda: len(everything(site, "/messages")) >= 2 * CALLS, "every message")
    messages = everything(site, "/messages")
    per_step = collections.Counter((m["ticket"], m["to"]) for m in messages)
    assert len(messages) == 2 * CALLS and max(per_step.values()) == 1
    rungs = site.sql("SELECT ticket_id, json_extract(data, '$.step') AS step, count(*) AS n FROM ticket_event "
                     "WHERE kind = 'escalated' AND json_extract(data, '$.clock') = 'resolve' GROUP BY 1, 2")
    assert len(rungs) == 2 * CALLS and all(r["n"] == 1 for r in rungs)
    sent = lambda: {r["json"]["data"]["key"] for r in list(sink.all)}  # noqa: E731
    steward.eventually(lambda: len(sent()) == 2 * CALLS, "every message at the gateway")
    assert sent() == {m["key"] for m in messages}
