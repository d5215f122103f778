"""The AMI benches: steward's cti_ami against the npm client asterisk-manager on the same bytes."""
import gzip
import json
import pathlib
import re
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
    cpu = cpu_seconds(pid)
    server.started.set()
    done = "SELECT count(*) AS n FROM call WHERE state = 'cleared'"
    steward.eventually(lambda: site.sql(done)[0]["n"] >= calls, f"{calls} calls", timeout=120)
    seconds = time.monotonic() - server.began
    cpu = cpu_seconds(pid) - cpu
    site.close()
    return seconds, cpu


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


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
    node, node_cpu = node_seconds(blocks, calls)
    say("cti_ami")
    ours, our_cpu = steward_seconds(world, blocks, calls)
    table(f"AMI: {calls} recorded calls, {size:.0f} MB of events, as fast as they are read",
          ["program", "seconds", "calls/s", "CPU s", "calls/s / Node", "calls per CPU s / Node"],
          [["asterisk-manager (parses, stores nothing)", f"{node:.2f}", f"{calls / node:.0f}", f"{node_cpu:.2f}", "1", "1"],
           ["stewardd (parses, pops, stores every call)", f"{ours:.2f}", f"{calls / ours:.0f}", f"{our_cpu:.2f}",
            f"{node / ours:.1f}", f"{node_cpu / our_cpu:.1f}"]])
