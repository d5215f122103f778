"""Recorded PBXs on real sockets, and what their phones did.

A conductor plays any number of recordings together: as they were read, byte by byte, or in random
pieces. It moves the daemon's clock (--test-clock) to the time of the recording, sends what was said
until then, and goes on when the daemon has read it: what the daemon measures is the recording's own
time, however slow the machine is. It is never faster than the recording, since the adapters' timers
are real. A recording's own sign-in is left out; ours is answered here.
"""
import asyncio
import gzip
import json
import pathlib
import random
import re
import threading

import steward

CEILING = 600  # seconds after which a test that hangs is given up; no outcome depends on it
FOLDER = pathlib.Path(__file__).resolve().parents[1] / "recordings"
QUEUES = {"4008000": "service", "4008002": "service-rr", "4008003": "service-local", "4008004": "service-rr"}


def split(data, how, rng):
    """data in the pieces that this way of playing sends."""
    at = 0
    while at < len(data):
        n = {"read": len(data), "bytes": 1}.get(how) or rng.randint(1, 900)
        yield data[at:at + n]
        at += n


class Recording:
    """One recording on one port, played to the first connection that signed in. dies: at its end
    that connection breaks off, and the next one sees what the PBX said after it came back."""

    def __init__(self, kind, name, how, seed, dies=False):
        self.kind, self.name, self.how = kind, name, how
        self.rng = random.Random(seed)
        path = FOLDER / kind / (name if kind == "esl" else f"{name}.txt")
        self.data = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(path.name + ".gz").read_bytes())
        times = path.with_name(path.name + ".chunks") if kind == "esl" else path.with_suffix(".idx")
        scale = 1 if kind == "esl" else 0.001
        rows = [line.split() for line in times.read_text().split("\n") if line[:1].isdigit()]
        self.pieces = self.due([(float(r[0]) * scale, int(r[1])) for r in rows if r[1].isdigit()])
        self.after = path.with_name(f"{name}_after.txt").read_bytes() if dies else None
        self.signed_in, self.played = asyncio.Event(), asyncio.Event()
        self.replies = None  # while playing: answers that wait for the end of a message
        self.connections = 0
        self.actions = []

    def due(self, chunks):
        """(seconds since the first event, from, to) of what is played."""
        skip, out = self.skip(), []
        for (t, at), (_, end) in zip(chunks, chunks[1:] + [(0, len(self.data))]):
            if max(at, skip) < end:
                out.append((t - chunks[0][0], max(at, skip), end))
        first = out[0][0] if out else 0
        return [(t - first, at, end) for t, at, end in out]

    # -- what comes before the events, and is answered by us --

    def skip(self, data=None):
        """Offset of the first byte to play."""
        data = data or self.data
        if self.kind == "esl":
            mark = data.find(b"event listener enabled")
            return data.find(b"\n\n", mark) + 2
        mark = data.find(b"Event: FullyBooted")
        mark = mark if mark >= 0 else data.find(b"Authentication accepted")
        return data.find(b"\r\n\r\n", mark) + 4

    def ends(self):
        """Offsets at which a message ends: only there may an answer stand."""
        ends, at = set(), self.skip()
        while at < len(self.data):
            head = self.data.find(b"\r\n\r\n" if self.kind == "ami" else b"\n\n", at)
            if head < 0:
                break
            length = re.search(rb"^Content-Length: (\d+)", self.data[at:head + 1], re.M) if self.kind == "esl" else None
            at = head + (4 if self.kind == "ami" else 2) + (int(length[1]) if length else 0)
            ends.add(at)
        return ends

    def reply(self, writer, data):
        if self.replies is None:
            writer.write(data)
        else:
            self.replies.append(data)

    async def serve(self, reader, writer):
        self.connections += 1
        first = self.connections == 1
        self.writer = writer
        try:
            await (self.serve_ami if self.kind == "ami" else self.serve_esl)(reader, writer, first)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def serve_ami(self, reader, writer, first):
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        while True:
            text = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line)
            self.actions.append(fields)
            name, ident = fields["Action"], fields.get("ActionID", "")
            answers = {"Challenge": "Challenge: 198844479\r\n", "Login": "Message: Authentication accepted\r\n",
                       "Ping": "Ping: Pong\r\n"}
            out = f"Response: Success\r\nActionID: {ident}\r\n"
            if name in ("CoreShowChannels", "QueueStatus"):
                out += f"EventList: start\r\n\r\nEvent: {name}Complete\r\nActionID: {ident}\r\nEventList: Complete\r\n"
            self.reply(writer, (out + answers.get(name, "") + "\r\n").encode())
            if name == "QueueStatus" and first:
                self.signed_in.set()
            elif name == "QueueStatus" and self.after:
                writer.write(self.after[self.skip(self.after):])
                self.played.set()

    async def serve_esl(self, reader, writer, first):
        writer.write(b"Content-Type: auth/request\n\n")
        while True:
            text = (await reader.readuntil(b"\n\n")).decode()
            self.actions.append(text)
            if text.startswith("api show channels"):
                body = '{"row_count": 0}\n' if not (first and self.name.startswith("33")) else self.row()
                self.reply(writer, f"Content-Type: api/response\nContent-Length: {len(body)}\n\n{body}".encode())
            elif text.startswith("api "):
                self.reply(writer, b"Content-Type: api/response\nContent-Length: 5\n\n-ERR\n")
                if first and "agent list" in text:
                    self.signed_in.set()
            else:
                self.reply(writer, b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")

    def row(self):
        at = self.data.find(b'{"row_count"')
        return self.data[at:self.data.find(b"}]}", at) + 3].decode()

    # -- playing --

    def begin(self):
        self.play_to, self.replies, self.message_ends = self.writer, [], self.ends()
        self.left = list(self.pieces)

    async def say_until(self, seconds):
        """Everything that was said until then. True while there is more."""
        writer = self.play_to
        while self.left and self.left[0][0] <= seconds:
            _, at, end = self.left.pop(0)
            for piece in split(self.data[at:end], self.how, self.rng):
                writer.write(piece)
                at += len(piece)
                if self.replies and at in self.message_ends:
                    writer.write(b"".join(self.replies))
                    self.replies.clear()
                if self.how != "read":
                    await asyncio.sleep(0)
            await writer.drain()
        return bool(self.left)

    def end(self):
        self.play_to.write(b"".join(self.replies))
        self.replies = None
        if self.after:
            self.play_to.transport.abort()
        else:
            self.played.set()


def on_the_way(ports):
    """Bytes and connections between us and the daemon that one side did not read yet (proc_net_tcp(5))."""
    waiting = 0
    with open("/proc/net/tcp", encoding="ascii") as rows:
        next(rows)
        for row in rows:
            _, local, remote, _, queues, *_ = row.split()
            if int(local[9:], 16) in ports or int(remote[9:], 16) in ports:
                waiting += int(queues[:8], 16) + int(queues[9:], 16)
    return waiting


class Players:
    """All recordings, served by a thread of their own; site: the daemon, whose clock is moved."""

    STEP = 0.05  # what was said within that time is played at once
    REST = 0.25  # the longest step of the clock
    OWED = 1.5  # seconds after which the truth is owed: so long it is silent after the last word

    def __init__(self, site):
        self.site = site
        self.loop = asyncio.new_event_loop()
        self.recordings, self.ports = {}, set()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, what):
        """What it gives, once it is there; how long that takes is the machine's affair."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(CEILING)

    def add(self, source, *args, **options):
        """A port that plays this recording."""
        async def make():
            recording = self.recordings[source] = Recording(*args, **options)
            server = await asyncio.start_server(recording.serve, "127.0.0.1", 0, limit=1 << 20)
            port = server.sockets[0].getsockname()[1]
            self.ports.add(port)
            return port
        return self.run(make())

    async def quiet(self):
        """Both sides have read everything that the other one sent."""
        calm = 0
        while calm < 3:
            await asyncio.sleep(0 if calm else 0.001)
            unsent = any(not r.writer.is_closing() and r.writer.transport.get_write_buffer_size() for r in self.recordings.values())
            calm = 0 if unsent or on_the_way(self.ports) else calm + 1

    async def move_clock(self, seconds):
        """The clock stands so long after where it began. Answered by the thread that reads: what came before is done."""
        body = b'{"set": %d}' % (self.began + round(seconds * 1000))
        reader, writer = await asyncio.open_unix_connection(str(self.site.folder / "steward.sock"))
        writer.write(b"POST /api/v1/test/clock HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        status = await reader.readline()
        writer.close()
        assert b" 204 " in status, status

    async def conduct(self):
        recordings = self.recordings.values()
        await asyncio.gather(*(r.signed_in.wait() for r in recordings))
        for r in recordings:
            r.begin()
        self.began, start, now, playing = self.site.frozen, self.loop.time(), 0.0, set(recordings)
        last = max((r.pieces[-1][0] for r in recordings if r.pieces), default=0) + self.OWED
        while now < last or playing:
            await asyncio.sleep(max(0, start + now - self.loop.time()))
            await self.quiet()
            await self.move_clock(now)
            for r in list(playing):
                if not await r.say_until(now):
                    await self.quiet()
                    r.end()
                    playing.remove(r)
            due = min((r.left[0][0] for r in playing), default=last)
            now = min(max(due, now + self.STEP), now + self.REST)
        await asyncio.gather(*(r.played.wait() for r in recordings))
        await self.quiet()
        self.site.frozen = self.began + round(now * 1000)
        await self.move_clock(now)

    def play(self):
        """Plays everything to its end."""
        self.run(self.conduct())

    def say(self, source, text):
        """Further bytes of the PBX, at once."""
        self.loop.call_soon_threadsafe(self.recordings[source].writer.write, text.replace("\n", "\r\n").encode())

    def action(self, source, name):
        """The last manager action of that name, once it came."""
        return steward.eventually(lambda: [a for a in self.recordings[source].actions if a.get("Action") == name], name)[-1]

    def hang_up(self, source):
        """The PBX dies: its connection ends without a word."""
        self.loop.call_soon_threadsafe(self.recordings[source].writer.transport.abort)

    def close(self):
        async def cancel():
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.run(cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)


# -- what the phones did -----------------------------------------------------------------------


def phone(name):
    return re.sub(r"^ext", "", name) if name else name


class Want:
    """One call as the phones saw it."""

    def __init__(self, direction, calling, called, rang=(), answered_by=(), wait=None, total=0.0, by="system",
                 disposition="missed", queue=None, transfer=None, hold=0.0, match_party=True, restricted=False, gap=False):
        self.__dict__.update(locals())

    def cell(self):
        text = f"{self.calling}>{self.called} rang {','.join(self.rang) or '-'}"
        if self.answered_by:
            text += f" answered {','.join(a or 'outside' for a in self.answered_by)} after {self.wait or 0:.1f}"
        if self.transfer:
            text += f" transfer {self.transfer[0]} to {self.transfer[1]}"
        return text + (f" end {self.total:.1f} by {self.by}" if not self.gap else " the PBX dies")


def ended_by(call):
    who = call.get("ended_by")
    hung = call.get("agent_hung_up") or [[None, 0]]
    if who == "caller":
        return "caller"
    if (who or "").startswith("ext") or (call.get("end") and abs(hung[-1][1] - call["end"]) < 0.2):
        return "agent"
    return "system"


# What the SIP side alone cannot know.
SPECIAL = {
    "d4_blind_ami": {"transfer": ("blind", "1002")},
    "d5_redirect_ami": {"transfer": ("blind", "1002")},
    "d6_attended_refer": {"hold": 2.6},
    "d8_attended_ami": {"hold": 5.8, "transfer": ("attended", "1002")},
    "g1_hold_agent": {"hold": 2.0},
    "r_back0": {"hold": 5.0}, "constructed_consult_race_r_back0": {"hold": 5.0},
    "x_att_desk": {"hold": 5.7}, "x_att_out": {"hold": 6.1}, "s_out_phone": {"hold": 1.5},
    "k2_anonymous_with_pai": {"calling": "+8613800138000", "restricted": False},
}
ORIGINATED = {
    "e1_originate_ok": [dict(answered_by=("1001",), wait=2.6, total=4.6, by="caller", disposition="answered")],
    "e2_originate_agent_noanswer": [dict(total=4.0, disposition="missed")],
    "e3_originate_agent_busy": [dict(total=0.2, disposition="busy")],
    "e5_originate_customer_busy": [dict(total=1.3, disposition="busy")],
    "e6_originate_agent_gives_up": [dict(total=5.1, by="agent", disposition="missed")],
    "e7_originate_sync": [dict(total=0.2, disposition="busy"),
                          dict(answered_by=("1001",), wait=2.1, total=3.1, by="caller", disposition="answered")],
    "e8_originate_mistakes": [dict(total=0.5, disposition="missed")],
    "j5_permission_denied": [dict(total=0.2, disposition="busy")],
}
# The connection breaks off with these calls on it.
CUT_OFF = ("i2_restart_with_calls", "i3_crash_with_calls", "i4_stop_start_with_calls")


def ami_call(name, call):
    incoming = call["direction"] == "in"
    start = call["start"]
    answers = call["answered_by"]
    queue = QUEUES.get(call["dialled"])
    want = Want({"in": "inbound", "out": "outbound"}.get(call["direction"], "internal"), call["number"] if incoming else phone(call["by"]), call["dialled"],
                [phone(r) for r in call["rang"]], [phone(a) for a, _ in answers],
                answers[0][1] - start if answers else None, (call["end"] or start) - start, ended_by(call), queue=queue)
    if queue and answers:
        want.wait -= 0.5  # the queue begins half a second after the call
    want.restricted = call["number"] == "anonymous"
    if name in CUT_OFF:
        want.gap, want.by, want.disposition = True, None, "abandoned"
    if answers:
        want.disposition = "answered"
    elif queue and want.by == "caller":
        want.disposition = "abandoned"
    elif call["rang"] and len(call["rang"]) == len(call["rejected_by"]):
        want.disposition = "busy"
    elif call.get("sip_code") == 404:
        want.disposition = "failed"
    if call.get("transfers"):
        _, to, attended, _ = call["transfers"][0]
        want.transfer = ("attended" if attended else "blind", to)
    if want.direction != "internal":
        want.__dict__.update(SPECIAL.get(name, {}))
    return want


def ami_truth(name):
    """The calls that this recording shows on its phones."""
    if name in ORIGINATED:
        return [Want("outbound", "1001", "13900139000", **call) for call in ORIGINATED[name]]
    path = FOLDER / "ami" / f"{name}.calls.json"
    calls = json.loads(path.read_text()) if path.exists() else []
    wants = [ami_call(name, c) for c in calls if c["dialled"] != "9"]  # a number the PBX does not know makes no event
    merged = any(w.transfer and w.transfer[0] == "attended" for w in wants)
    return [w for w in wants if w.direction != "internal" or not merged]


CALLER = "33611223344"
ESL = {
    "01-queue-answered": [Want("inbound", CALLER, "+33170000001", ["1001"], ["1001"], 1.6, 5.0, "caller", "answered", "support@default")],
    "03-queue-abandoned-ringing": [Want("inbound", CALLER, "+33170000001", ["1001"], [], None, 3.0, "caller", "abandoned", "support@default")],
    "05-queue-noanswer-then-answered": [Want("inbound", CALLER, "+33170000001", ["1001"], ["1001"], 6.0, 12.0, "caller", "answered",
                                             "support@default")],
    "06-direct-missed-timeout": [Want("inbound", CALLER, "+33170001002", ["1002"], [], None, 5.1, "system", "missed")],
    "08-direct-answered": [Want("inbound", CALLER, "+33170001002", ["1002"], ["1002"], 1.5, 4.6, "caller", "answered")],
    "09-direct-busy": [Want("inbound", CALLER, "+33170001002", ["1002"], [], None, 0.1, "system", "busy")],
    "10-direct-unregistered": [Want("inbound", CALLER, "+33170001003", [], [], None, 0.0, "system", "failed")],
    "12-blind-transfer-api": [Want("inbound", CALLER, "+33170001001", ["1001", "1002"], ["1001", "1002"], 1.0, 10.0, "caller", "answered",
                                   transfer=("blind", "1002"))],
    "14-hold-api": [Want("inbound", CALLER, "+33170001001", ["1001"], ["1001"], 1.0, 10.1, "caller", "answered", hold=3.0)],
    "16-bgapi-originate-success": [Want("outbound", "1001", "0612345678", [], ["1001"], 2.1, 4.3, "system", "answered")],
    "17-bgapi-originate-failure": [Want("internal", "1002", None, ["1002"], [], None, 0.0, "system", "busy"),
                                   Want("internal", "1001", None, [], [], None, 3.0, "system", "missed")],
    "23-fifo-answered": [Want("inbound", CALLER, "+33170000002", ["1003"], ["1003"], 1.6, 8.1, "caller", "answered", "sales@default")],
    "25-outbound-agent": [Want("outbound", "1001", "0612345678", [], ["1001"], 1.0, 4.1, "agent", "answered")],
    "29-sigterm-live-call": [Want("inbound", CALLER, "+33170001001", ["1001"], ["1001"], 0.5, 2.2, "system", "answered")],
    "33-connect-mid-call": [Want("inbound", CALLER, "+33170001002", ["1002"], ["1002"], 0.0, 6.9, "caller", "answered")],
}


# -- the comparison ----------------------------------------------------------------------------


def seconds(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


def cell(call):
    if not call:
        return "(nothing)"
    offers = ",".join(f"{o['device']}:{o['result']}" for o in call["offered"]) or "-"
    total = (seconds(call["ended_at"]) or 0) - seconds(call["started_at"])
    return (f"{call['calling_raw'] or 'withheld'}>{call['called']} {offers} {call['disposition']} waited {call['wait_s']:.1f} "
            f"end {total:.1f} by {call['hung_up_by']}")


def find(want, calls):
    for call in calls:
        if (call["direction"] == want.direction and call["called"] == want.called
                and (want.restricted or call["calling_raw"] == want.calling) and not call.get("_taken")):
            call["_taken"] = True
            return call
    return None


def compare(want, call):
    """What is wrong, as a list of words."""
    wrong = []

    def check(good, what):
        if not good:
            wrong.append(what)

    if not call:
        return ["no such call"]
    offered = {o["device"] for o in call["offered"]}
    check(set(want.rang) <= offered or want.direction == "outbound", "rang")
    check(want.direction == "outbound" or offered - set(want.rang) <= ({want.transfer[1]} if want.transfer else set()), "rang too many")
    check(call["state"] == "cleared" and call["gap"] == want.gap, "state")
    check(call["disposition"] == want.disposition, "disposition")
    check(call["hung_up_by"] == want.by, "who hung up")
    check(want.queue is None or call["queue"] == want.queue, "queue")
    check(bool(call["answered_at"]) == bool(want.answered_by), "answered")
    if want.answered_by and not (want.transfer and want.transfer[0] == "attended"):
        check(call["device"] == want.answered_by[-1], "who talked last")
    if want.answered_by and want.wait is not None:
        check(abs(call["wait_s"] - want.wait) <= 1.5, "wait")
    length = (seconds(call["ended_at"]) or 0) - seconds(call["started_at"])
    check(want.gap or abs(length - want.total) <= 1.5, "length")
    check(abs((call["hold_s"] or 0) - want.hold) <= 1.5, "hold")
    got = [(t["kind"], t["to"]) for t in call["transfers"]]
    check(got == ([want.transfer] if want.transfer else []), f"transfers {got}")
    check((call["match"] == "withheld") == want.restricted, "withheld")
    return wrong
