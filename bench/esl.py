"""The ESL bench: steward's cti_esl against the npm client modesl on the same bytes."""
import json
import pathlib
import re
import socket
import subprocess
import threading
import time
import uuid

import ami
import steward

BENCH = pathlib.Path(__file__).resolve().parent
FOLDER = BENCH.parent / "tests/recordings/esl"
COPIES = 3000
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def recorded_call(form):
    """The events of one direct call that was answered, as a real FreeSWITCH sent them."""
    data = (FOLDER / f"08-direct-answered.{form}").read_bytes()
    start = data.index(b"Content-Length:", data.index(b"event listener enabled"))
    return data[start:data.rindex(b"Content-Type: command/reply")]


def copies(form, n):
    """n calls in blocks of 50, each call with UUIDs of its own; the server's own stays."""
    data = recorded_call(form)
    core = re.search(rb'Core-UUID"?: ?"?(' + UUID.pattern + rb")", data)[1]
    calls = []
    for _ in range(n):
        fresh = {core: core}
        calls.append(UUID.sub(lambda m: fresh.setdefault(m[0], str(uuid.uuid4()).encode()), data))
    return [b"".join(calls[i:i + 50]) for i in range(0, n, 50)]


class EslServer:
    """Takes one login and says +OK to everything; sends the blocks once it was started."""

    def __init__(self, blocks):
        self.blocks = blocks
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.started = threading.Event()
        self.began = None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            link, _ = self.listener.accept()
            threading.Thread(target=self.talk, args=(link,), daemon=True).start()

    def talk(self, link):
        link.sendall(b"Content-Type: auth/request\n\n")
        threading.Thread(target=self.answer, args=(link,), daemon=True).start()
        self.started.wait(60)
        self.began = time.monotonic()
        try:
            for block in self.blocks:
                link.sendall(block)
        except OSError:
            return

    def answer(self, link):
        rest = b""
        while True:
            try:
                data = link.recv(65536)
            except OSError:
                return
            if not data:
                return
            *commands, rest = (rest + data).split(b"\n\n")
            for command in commands:
                if self.started.is_set():
                    continue  # an answer would stand within a block
                body = b'{"row_count": 0}\n' if command.startswith(b"api show") else b"-ERR\n"
                reply = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
                if command.startswith(b"api "):
                    reply = b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(body), body)
                link.sendall(reply)


def steward_seconds(world, blocks, calls, form):
    """From the first byte until every call is on disk."""
    server = EslServer(blocks)
    site = world.site(f"esl-{form}")
    site.stop()
    site.plugin("pbx-f", f"plugin: cti_esl\nname: pbx-f\nhost: 127.0.0.1\nport: {server.port}\npassword: ClueCon\nformat: {form}\n"
                         "contexts: {inbound: [public]}\n")
    site.start()
    steward.eventually(lambda: site.get("/sources")["items"][0]["state"] == "up", "the source is up")
    cpu, loop = ami.cpu_seconds(site.process.pid), ami.loop_seconds(site.process.pid)
    server.started.set()
    done = "SELECT count(*) AS n FROM call WHERE state = 'cleared'"
    steward.eventually(lambda: site.sql(done)[0]["n"] >= calls, f"{calls} calls", timeout=120)
    seconds = time.monotonic() - server.began
    cpu, loop = ami.cpu_seconds(site.process.pid) - cpu, ami.loop_seconds(site.process.pid) - loop
    site.close()
    return seconds, cpu, loop


def node_seconds(blocks, calls):
    server = EslServer(blocks)
    node = subprocess.Popen(["node", "--no-deprecation", str(BENCH / "node_esl.js"), str(server.port), str(calls)], stdout=subprocess.PIPE,
                            text=True, cwd=BENCH)
    assert node.stdout.readline().strip() == "ready"
    server.started.set()
    result = json.loads(node.stdout.readline())
    node.wait()
    return result["seconds"], result["cpu"]


def bench(world, table, say):
    for form, recording in (("json", "subset-json.txt"), ("plain", "subset.txt")):
        blocks = copies(recording, COPIES)
        size = sum(map(len, blocks)) / 1e6
        say(f"modesl, {form}")
        node = node_seconds(blocks, COPIES)
        say(f"cti_esl, {form}")
        ami.compare(table, f"ESL, {form}: {COPIES} recorded calls, {size:.0f} MB of events, as fast as they are read", COPIES,
                    ("modesl", *node), steward_seconds(world, blocks, COPIES, form))
