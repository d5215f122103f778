"""The timer benches: a million open clocks, due steps a second, lateness, restart.

The clocks are rows copied from one real ticket's, so that the daemon finds them as it would find
its own; every step is durable and writes its message and its history.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

import steward

BENCH = pathlib.Path(__file__).resolve().parent
CLOCKS = int(os.environ.get("BENCH_CLOCKS", "1000000"))
BURST = 20000         # due all at once: throughput
RATE, STEADY_S = 1000, 10  # due one after another: lateness
GOALERT = 500 / 5     # steps/s of a loop that takes at most 500 each 5 s, whatever the machine

POLICY = """
  standard:
    calendar: always
    clocks: {resolve: 30d}
    escalate:
      - {at: 50%, tell: [responder]}
"""


def template(world):
    """A site with one open ticket of li.na, stopped."""
    site = steward.Steward(world.folder / "timers")
    site.section("policies", POLICY)
    site.start()
    token = site.user("li.na", device="1001", phone="13600136001")
    site.post("/tickets", {"subject": "一", "channel": "walk_in", "take": True}, token=token)
    site.stop()
    return site


def columns(site, table, but=()):
    return [r["name"] for r in site.sql(f"SELECT name FROM pragma_table_info('{table}')") if r["name"] not in but]


def fill(site, clocks):
    """Copies the ticket and its clock so that there are `clocks` of them, due in thirty days."""
    ticket = ", ".join(columns(site, "ticket", ["id"]))
    clock = columns(site, "clock", ["id", "ticket_id"])
    names = ", ".join(clock)
    script = f"""
    PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;
    CREATE TEMP TABLE n AS WITH RECURSIVE s(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM s WHERE i < {clocks}) SELECT i FROM s;
    INSERT INTO ticket (id, {ticket}) SELECT n.i, {', '.join('t.' + c for c in ticket.split(', '))} FROM n, ticket t WHERE t.id = 1;
    INSERT INTO clock (ticket_id, {names}) SELECT n.i, {', '.join('c.' + c for c in clock)} FROM n, clock c
      WHERE c.ticket_id = 1 AND c.name = 'resolve';
    PRAGMA wal_checkpoint(TRUNCATE);
    """
    subprocess.run(["sqlite3", str(site.folder / "steward.db")], input=script, text=True, check=True, stdout=subprocess.DEVNULL)


def due(site, first, count, start_ms, spacing_ms):
    """Makes the half of clocks [first, first + count) fall at start_ms and after, spacing_ms apart."""
    half = 15 * 86400000
    script = (f"UPDATE clock SET next_at = {start_ms} + (ticket_id - {first}) * {spacing_ms}, "
              f"started_at = {start_ms} + (ticket_id - {first}) * {spacing_ms} - {half}, "
              f"due_at = {start_ms} + (ticket_id - {first}) * {spacing_ms} + {half} "
              f"WHERE ticket_id >= {first} AND ticket_id < {first + count};")
    subprocess.run(["sqlite3", str(site.folder / "steward.db")], input=script, text=True, check=True)


def escalated(site, first, count):
    return site.sql(f"SELECT count(*) AS n FROM ticket_event WHERE kind = 'escalated' AND ticket_id >= {first} "
                    f"AND ticket_id < {first + count}")[0]["n"]


def start_seconds(site):
    began = time.monotonic()
    site.start()
    return time.monotonic() - began


def burst(site):
    """Steps a second when many are due at once: from the first step's moment to the last one's."""
    due(site, 100, BURST, int(time.time() * 1000) - 1000, 0)
    site.start()
    steward.eventually(lambda: escalated(site, 100, BURST) >= BURST, "the burst", timeout=120)
    row = site.sql(f"SELECT min(at) AS a, max(at) AS b FROM ticket_event WHERE kind = 'escalated' AND ticket_id >= 100 "
                   f"AND ticket_id < {100 + BURST}")[0]
    site.stop()
    return BURST / max(0.001, (row["b"] - row["a"]) / 1000)


def steady(site):
    """Lateness of each step at a steady rate, in milliseconds, sorted."""
    first, count = 100 + BURST, RATE * STEADY_S
    begin = int(time.time() * 1000) + 4000
    due(site, first, count, begin, 1000 // RATE)
    site.start()
    steward.eventually(lambda: escalated(site, first, count) >= count, "the steady run", timeout=120)
    rows = site.sql(f"SELECT at - ({begin} + (ticket_id - {first}) * {1000 // RATE}) AS late FROM ticket_event "
                    f"WHERE kind = 'escalated' AND ticket_id >= {first} AND ticket_id < {first + count}")
    site.stop()
    return sorted(r["late"] for r in rows)


def bullmq(jobs):
    """Redis + BullMQ with delayed jobs, Redis syncing each second (its usual setting)."""
    port = steward.free_port()
    folder = f"/tmp/steward-bench-redis-{os.getpid()}"
    os.makedirs(folder, exist_ok=True)
    server = subprocess.Popen(["redis-server", "--port", str(port), "--dir", folder, "--appendonly", "yes", "--save", "",
                               "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
    try:
        def up():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True
            except OSError:
                return False
        steward.eventually(up, "redis")
        done = subprocess.run(["node", str(BENCH / "node_bullmq.js"), str(port), str(jobs), str(RATE), str(STEADY_S)],
                              capture_output=True, text=True, cwd=BENCH, timeout=300)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout.strip().splitlines()[-1])
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def bench(world, table, say):
    say(f"{CLOCKS} open clocks")
    site = template(world)
    fill(site, CLOCKS)
    start = start_seconds(site)
    site.stop()
    rate = burst(site)
    late = steady(site)
    p = lambda share: late[int((len(late) - 1) * share)]  # noqa: E731
    say("Redis + BullMQ")
    peer = bullmq(BURST)
    table(f"{CLOCKS} open clocks; every step durable, with its history and its message",
          ["program", "start-up s", "due steps/s", "/ polling loop", f"lateness p50 ms at {RATE}/s", "p99 ms", "max ms"],
          [["stewardd", f"{start:.2f}", f"{rate:.0f}", f"{rate / GOALERT:.0f}", p(0.5), p(0.99), late[-1]],
           ["Redis + BullMQ delayed jobs", "", f"{peer['rate']:.0f}", f"{peer['rate'] / GOALERT:.0f}", peer["p50"], peer["p99"], peer["max"]],
           ["a polling loop that takes 500 each 5 s", "", f"{GOALERT:.0f}", "1", "2500", "5000", "5000"]],
          f"BullMQ holds {BURST} jobs here, not {CLOCKS}, acknowledges before Redis has synced, and its jobs do nothing.")
