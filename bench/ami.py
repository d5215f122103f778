"""The AMI benches: steward's cti_ami against the npm client asterisk-manager on the same bytes."""
import gzip
import json
import pathlib
import re
import select
import socket
import subprocess
import threading
import time

import steward

BENCH = pathlib.Path(__file__).resolve().parent
RECORDING = BENCH.parent / "tests/recordings/ami/h1_200_direct.txt.gz"
COPIES = 20


def recorded_calls():
    """The bytes that a real Asterisk sent for 200 direct calls, without the login before them."""
    data = gzip.open(RECORDING).read()
    start = data.index(b"Event: Newchannel")
    return data[start:data.rindex(b"\r\n\r\n") + 4]


def copies(n):
    """n times the recording, each with Uniqueids of its own, so that every call is a new one."""
    data = recorded_calls()
    return [re.sub(rb"\b(\d{10})\.(\d+)\b", lambda m, k=k: b"%d.%s" % (int(m[1]) + 100000 * k, m[2]), data) for k in range(n)]


class AmiServer:
    """Takes one login, then sends the blocks: all at once, or one each `interval` seconds."""

    def __init__(self, blocks, interval=0):
        self.blocks, self.interval = blocks, interval
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.started = threading.Event()
        self.began = None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(link,), daemon=True).start()

    def talk(self, link):
        self.link = link
        link.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        threading.Thread(target=self.answer, args=(link,), daemon=True).start()
        self.started.wait(60)
        self.began = self.began or time.monotonic()
        for i, block in enumerate(self.blocks):
            if self.interval:
                threading.Event().wait(max(0, self.began + i * self.interval - time.monotonic()))
            try:
                link.sendall(block)
            except OSError:
                return

    def answer(self, link):
        """Says Success to every action and empty lists to those that want one."""
        rest = b""
        while True:
            try:
                data = link.recv(65536)
            except OSError:
                return
            if not data:
                return
            *actions, rest = (rest + data).split(b"\r\n\r\n")
            for action in actions:
                fields = dict(re.findall(rb"(?m)^([A-Za-z]+):\s*(.*?)\r?$", action))
                reply = b"Response: Success\r\n"
                if b"ActionID" in fields:
                    reply += b"ActionID: " + fields[b"ActionID"] + b"\r\n"
                name = fields.get(b"Action", b"").lower()
                if name == b"challenge":
                    reply += b"Challenge: 1234567\r\n"
                lists = {b"coreshowchannels": b"CoreShowChannelsComplete", b"queuestatus": b"QueueStatusComplete",
                         b"bridgelist": b"BridgeListComplete", b"parkedcalls": b"ParkedCallsComplete", b"status": b"StatusComplete"}
                if name in lists:
                    reply += b"EventList: start\r\n\r\nEvent: " + lists[name] + b"\r\nEventList: Complete\r\nListItems: 0\r\n"
                    if b"ActionID" in fields:
                        reply += b"ActionID: " + fields[b"ActionID"] + b"\r\n"
                link.sendall(reply + b"\r\n")
                if name == b"login":
                    link.sendall(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n")


def steward_seconds(world, blocks, calls):
    """From the first byte until every call is on disk."""
    server = AmiServer(blocks)
    site = world.site(f"ami{len(blocks)}")
    site.stop()
    site.plugin("pbx-a", f"plugin: cti_ami\nname: pbx-a\nhost: 127.0.0.1\nport: {server.port}\nusername: u\nsecret: s\n"
                         "contexts: {inbound: [from-trunk]}\n")
    site.start()
    steward.eventually(lambda: site.get("/sources")["items"][0]["state"] == "up", "the source is up")
    pid = site.process.pid
    cpu, loop = cpu_seconds(pid), loop_seconds(pid)
    server.started.set()
    done = "SELECT count(*) AS n FROM call WHERE state = 'cleared'"
    steward.eventually(lambda: site.sql(done)[0]["n"] >= calls, f"{calls} calls", timeout=120)
    seconds = time.monotonic() - server.began
    cpu, loop = cpu_seconds(pid) - cpu, loop_seconds(pid) - loop
    site.close()
    return seconds, cpu, loop


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def loop_seconds(pid):
    """CPU time of the thread that reads, parses, dispatches and pops; the ledger's is not in it."""
    fields = open(f"/proc/{pid}/task/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def compare(table, title, calls, node, ours):
    """The table of one peer (name, seconds, CPU s) and steward (seconds, CPU s, CPU s of its loop)."""
    name, seconds, cpu = node
    table(title, ["program", "seconds", "calls/s", "CPU s", "calls/s / Node", "calls per CPU s / Node"],
          [[f"{name} (parses and dispatches)", f"{seconds:.2f}", f"{calls / seconds:.0f}", f"{cpu:.2f}", "1", "1"],
           ["stewardd, the thread that parses, dispatches and pops", "", "", f"{ours[2]:.2f}", "", f"{cpu / ours[2]:.1f}"],
           ["stewardd, all of it: every call on disk", f"{ours[0]:.2f}", f"{calls / ours[0]:.0f}", f"{ours[1]:.2f}",
            f"{seconds / ours[0]:.1f}", f"{cpu / ours[1]:.1f}"]])


def node_seconds(blocks, calls):
    server = AmiServer(blocks)
    node = subprocess.Popen(["node", str(BENCH / "node_ami.js"), str(server.port), str(calls)], stdout=subprocess.PIPE, text=True, cwd=BENCH)
    assert node.stdout.readline().strip() == "ready"
    server.started.set()
    result = json.loads(node.stdout.readline())
    node.wait()
    return result["seconds"], result["cpu"]


def bench(world, table, say):
    blocks = copies(COPIES)
    calls = 200 * COPIES
    size = sum(map(len, blocks)) / 1e6
    say("asterisk-manager")
    node = node_seconds(blocks, calls)
    say("cti_ami")
    compare(table, f"AMI: {calls} recorded calls, {size:.0f} MB of events, as fast as they are read", calls, ("asterisk-manager", *node),
            steward_seconds(world, blocks, calls))


# ---- 200 calls a second over a real socket ----


def numbered(block, numbers):
    """The block with its callers replaced by owners of the site."""
    own = {}
    return re.sub(rb"\b1380000\d{4}\b", lambda m: own.setdefault(m[0], next(numbers)), block)


def pieces(block, n):
    """n pieces that end where messages end, and the calls that begin to ring in each."""
    messages = block.split(b"\r\n\r\n")[:-1]
    step = -(-len(messages) // n)
    seen = set()
    for i in range(0, len(messages), step):
        part = messages[i:i + step]
        rings = {m[1].decode() for text in part if b"Event: Newstate" in text and b"ChannelState: 5" in text
                 for m in [re.search(rb"Linkedid: (\S+)", text)]} - seen
        seen |= rings
        yield b"\r\n\r\n".join(part) + b"\r\n\r\n", rings


class Phone:
    """Notes when the pop of each call came."""

    def __init__(self, site, device):
        self.line, self.at = site.agent(device, name="bench"), {}
        self.line.sock.setblocking(False)
        self.rest = b""

    def read(self):
        try:
            data = self.line.sock.recv(1 << 20)
        except BlockingIOError:
            return
        now = time.monotonic()
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b'{"type":"pop",'):
                pop = json.loads(line)
                self.at.setdefault(pop["call"], now)


def latency(world, table, say, seconds=10):
    """The recording once a second: what a pop takes from the byte that brings its ringing."""
    world.owners()
    listed = world.numbers.read_text().split()
    numbers = (n.encode() for n in listed * 20 if len(n) == 11)
    plan = [p for block in copies(seconds) for p in pieces(numbered(block, numbers), 100)]
    server = AmiServer([])
    site = world.site("ami-latency")
    site.stop()
    site.plugin("pbx-a", f"plugin: cti_ami\nname: pbx-a\nhost: 127.0.0.1\nport: {server.port}\nusername: u\nsecret: s\n"
                         "contexts: {inbound: [from-trunk]}\n")
    site.start()
    steward.eventually(lambda: site.get("/sources")["items"][0]["state"] == "up", "the source is up")
    say(f"200 calls a second for {seconds} s")
    phone, sent = Phone(site, "1001"), {}
    cpu, began = cpu_seconds(site.process.pid), time.monotonic()
    for i, (data, rings) in enumerate(plan):
        while (left := began + i / 100 - time.monotonic()) > 0:
            select.select([phone.line.sock], [], [], left)
            phone.read()
        sent.update(dict.fromkeys(rings, time.monotonic()))
        server.link.sendall(data)
    end = time.monotonic() + 3
    while time.monotonic() < end and len(phone.at) < len(sent):
        select.select([phone.line.sock], [], [], 0.1)
        phone.read()
    took = time.monotonic() - began
    cpu = (cpu_seconds(site.process.pid) - cpu) / took
    site.close()
    waits = sorted(1000 * (phone.at[c] - at) for c, at in sent.items() if c in phone.at)
    size = sum(len(d) for d, _ in plan) / 1e6
    table(f"AMI: 200 recorded calls a second, {size / seconds:.1f} MB/s of events over a real socket",
          ["calls", "pops", "pop p50 ms", "p99 ms", "highest ms", "CPU of stewardd"],
          [[len(sent), len(waits), f"{waits[len(waits) // 2]:.2f}", f"{waits[int(len(waits) * .99)]:.2f}", f"{waits[-1]:.2f}",
            f"{cpu * 100:.0f} % of one core"]],
          "From before the bytes that bring the ringing are written until the pop is read, both by one Python process.")
