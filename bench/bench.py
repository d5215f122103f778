#!/usr/bin/python3
"""`./dev bench [NAME…] [--write]`: steward against peers and floors, in one run on one machine.

Every figure that matters is a ratio to something measured a moment before on the same cores. With
--write the tables go into docs/performance.md, with the machine named.
"""
import argparse
import csv
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
os.environ["STEWARD_BUILD"] = str(ROOT / "build")
os.environ.setdefault("STEWARD_TEST_TIMEOUT", "120")
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.path.insert(0, str(BENCH))
import steward  # noqa: E402
import ami  # noqa: E402
import esl  # noqa: E402
import timers  # noqa: E402

PERSONS = int(os.environ.get("BENCH_PERSONS", "200000"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
PHONES = 50
TABLES = []


def say(text):
    print(f"\033[1m==> {text}\033[0m", file=sys.stderr, flush=True)


def table(title, head, rows, note=""):
    """Prints a table and keeps it for the page."""
    text = [f"### {title}", "", "| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    text += ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]
    if note:
        text += ["", note]
    TABLES.append("\n".join(text))
    print("\n" + TABLES[-1], flush=True)


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))) // 1024 // 1024
    return f"{os.cpu_count()} cores of {cpu}, {memory} GiB, {platform.system()} {platform.release()}"


class World:
    """What the benches share: owners as CSV, a site with them, the list of their numbers."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.csv = self.folder / "owners"
        self.numbers = self.folder / "numbers.txt"
        self.ready = None

    def owners(self):
        if not self.csv.exists():
            say(f"making {PERSONS} owners")
            subprocess.run([sys.executable, str(BENCH / "make_owners.py"), str(self.csv), "--persons", str(PERSONS)], check=True)
            with open(self.csv / "persons.csv", encoding="utf-8-sig") as f, open(self.numbers, "w") as out:
                for row in csv.DictReader(f):
                    number = row["phones"].split(";")[0]
                    if number.isdigit():
                        out.write(number + "\n")
        return self.csv

    def site(self, name, open_on="manual", policies=None):
        """A fresh site with all owners, from a copy of the first one that was imported."""
        self.owners()
        site = steward.Steward(self.folder / name)
        site.section("tickets", f"\n  open_on: {open_on}\n")
        if policies:
            site.section("policies", policies)
        if self.ready:
            shutil.copy(self.ready, site.folder / "steward.db")
        site.start()
        if not self.ready:
            began = time.monotonic()
            site.ctl("import", self.csv)
            self.import_s = time.monotonic() - began
            while site.sql("SELECT count(*) AS n FROM card")[0]["n"] < PERSONS:  # made behind the import
                time.sleep(0.5)
            site.stop()
            self.ready = self.folder / "owners.db"
            shutil.copy(site.folder / "steward.db", self.ready)
            site.start()
        return site


def load(port, *options):
    command = [str(ROOT / "build/bench/bench_load"), str(port), "--token", steward.TOKEN, "--phones", str(PHONES),
               "--seconds", str(SECONDS), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout:
        raise RuntimeError(done.stderr)
    if done.stderr:
        print(done.stderr[:500], file=sys.stderr)
    return json.loads(done.stdout)


class Program:
    """A peer: started, waited for its `ready` line, ended."""

    def __init__(self, *command, **kw):
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True, **kw)
        assert self.process.stdout.readline().strip() == "ready"

    def __enter__(self):
        return self.process.pid

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    return int(next(line.split()[1] for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))) / 1024


def measure(port, pid, numbers, rate=5000):
    """The fixed rate first, then as fast as it goes (the better of two runs). What importing and copying left to be written to
    the disk is written before: it is not the measured program's."""
    os.sync()
    time.sleep(1)
    before = cpu_seconds(pid)
    fixed = load(port, "--rate", rate, "--numbers", numbers)
    fixed["cpu"] = (cpu_seconds(pid) - before) / fixed["seconds"]
    tops = [load(port, "--numbers", numbers, "--first", 100_000 * (i + 1)) for i in range(2)]
    return fixed, max(tops, key=lambda r: r["calls_s"])


def bench_pop(world):
    """Every pop and every ack at 5,000 calls/s, and the highest rate, against a router and Node."""
    world.owners()
    results = {}
    site = world.site("pop")
    port = steward.free_port()
    with Program(ROOT / "build/bench/bench_router", port) as pid:
        say("bare libevent router")
        results["bare libevent router"] = measure(port, pid, world.numbers)
    port = steward.free_port()
    with Program("node", BENCH / "node_server.js", port, world.ready, world.folder / "node.db") as pid:
        say("Node server")
        results["Node + better-sqlite3"] = measure(port, pid, world.numbers)
    say("stewardd")
    results["stewardd"] = measure(site.line_port, site.process.pid, world.numbers)
    site.close()
    router, node = results["bare libevent router"], results["Node + better-sqlite3"]
    rows = [[name, f"{f['p50_us'] / 1000:.2f}", f"{f['p99_us'] / 1000:.2f}", f"{f['p99_us'] / router[0]['p99_us']:.2f}",
             f"{f['cpu'] * 100:.0f} %", f"{f['pops']}/{f['calls']}", f"{t['calls_s']:.0f}",
             f"{t['calls_s'] / router[1]['calls_s']:.3f}", f"{t['calls_s'] / node[1]['calls_s']:.2f}"]
            for name, (f, t) in results.items()]
    table(f"Pops: {PERSONS} persons, {PHONES} softphones, tickets.open_on: manual",
          ["program", "pop p50 ms at 5,000/s", "p99 ms", "p99 / router", "CPU", "pops seen", "highest calls/s", "/ router", "/ Node"], rows,
          "A call is three events (delivered, established, cleared), one pop and its acks. The router neither parses, looks up nor "
          "stores; Node does the same work with JSON.parse, a Map of cards and group commits in better-sqlite3 (synchronous=FULL).")


def bench_tickets(world):
    """A ticket for every answered call: what the ledger keeps up with."""
    site = world.site("tickets", open_on="answered")
    for i in range(PHONES):
        site.ctl("user", "add", f"agent.{i}", "--role", "agent", "--device", str(1001 + i))
    say("tickets for every answer")
    pid = site.process.pid
    before = cpu_seconds(pid)
    result = load(site.line_port, "--numbers", world.numbers, "--window", 2048)
    cpu = (cpu_seconds(pid) - before) / result["seconds"]
    opened = site.sql("SELECT count(*) AS n FROM ticket")[0]["n"]
    site.close()
    table("A ticket for every answer", ["calls/s kept up with", "tickets opened", "CPU of stewardd", "pop p99 ms meanwhile"],
          [[f"{result['calls_s']:.0f}", opened, f"{cpu * 100:.0f} %", f"{result['p99_us'] / 1000:.1f}"]],
          "The limit is the ledger's thread: a ticket is some ten inserts (ticket, clocks, hash-chained history), CPU-bound rather than "
          "fsync-bound. Acks hold the PBX back meanwhile; pops do not wait for them.")


def bench_import(world):
    site = world.site("import")
    rss_idle = memory_mib(site.process.pid)
    pbx = site.pbx("memory")
    for i in range(1000):
        pbx.ring(f"live-{i}", str(1001 + i % PHONES), calling=f"139{i:08d}")
    pbx.sync()
    rss_live = memory_mib(site.process.pid)
    began = time.monotonic()
    site.restart()
    start_s = time.monotonic() - began
    pbx.close()
    site.close()
    table("Owners and memory", ["what", "value"], [
        [f"import of {PERSONS} persons with tenures and vehicles", f"{world.import_s:.1f} s ({PERSONS / world.import_s:.0f}/s)"],
        ["resident memory, idle after start", f"{rss_idle:.0f} MiB"],
        ["resident memory with 1,000 live calls", f"{rss_live:.0f} MiB"],
        ["stop and start with 1,000 live calls", f"{start_s:.2f} s"]])


def bench_ami(world):
    ami.bench(world, table, say)


def bench_ami_latency(world):
    ami.latency(world, table, say)


def bench_esl(world):
    esl.bench(world, table, say)


def bench_timers(world):
    timers.bench(world, table, say)


def bench_calendar(world):
    done = subprocess.run([str(ROOT / "build/bench/bench_calendar")], capture_output=True, text=True, check=True)
    r = json.loads(done.stdout)
    table("Calendar: 400 working hours from random moments, two spans a day, five days a week",
          ["way", "us each", "ratio"],
          [["hour-by-hour walk", f"{r['walk_us']:.2f}", "1"], ["domain/calendar", f"{r['calendar_us']:.3f}", f"{r['ratio']:.0f}"]],
          "Both give the same moments.")


BENCHES = {"pop": bench_pop, "tickets": bench_tickets, "import": bench_import, "ami": bench_ami, "ami_latency": bench_ami_latency,
           "esl": bench_esl, "timers": bench_timers, "calendar": bench_calendar}


def write_page():
    page = ROOT / "docs/performance.md"
    text = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    head = text.split("<!-- bench -->")[0].rstrip() + "\n"
    when = time.strftime("%Y-%m-%d", time.gmtime())
    page.write_text(f"{head}\n<!-- bench -->\nMeasured by `./dev bench --write` on {when}: {machine()}.\n\n" + "\n\n".join(TABLES) + "\n",
                    encoding="utf-8")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which (all)")
    options.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    args = options.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        world = World(folder)
        for name in args.names or BENCHES:
            BENCHES[name](world)
    if args.write:
        write_page()
    return 0


if __name__ == "__main__":
    sys.exit(main())
