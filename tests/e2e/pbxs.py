"""PBXs that a test plays: an Asterisk manager and a FreeSWITCH event socket on real sockets. They
answer what they are asked, keep it, and say what happens on phones that are not there."""
import collections
import hashlib
import json
import queue
import socket
import ssl
import threading
import time
import urllib.parse

import pytest

import steward

CALLER, LINE = "13800138000", "4008000"


class Link:
    """One connection: whole messages in, bytes out."""

    def __init__(self, sock):
        self.sock, self.buffer, self.lock = sock, b"", threading.Lock()

    def read(self, end):
        """The next message, without its end; None at the end of the stream."""
        while end not in self.buffer:
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                return None
            self.buffer += data
        message, self.buffer = self.buffer.split(end, 1)
        return message.decode()

    def send(self, data):
        with self.lock:
            try:
                self.sock.sendall(data if isinstance(data, bytes) else data.encode())
            except OSError:
                pass

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Pbx:
    """What both kinds have in common. tiny: as little as possible fits between us and the daemon; tls: (certificate, key)."""

    def __init__(self, tiny=False, tls=None):
        self.port, self.tiny, self.tls = 0, tiny, None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)
        self.link = None  # the one that signed in last
        self.attempts, self.signed_in = 0, 0
        self.asked = queue.Queue()
        # What is not answered as usual. Asterisk: action to a function of its fields, Freeswitch: first word of a job to
        # a function of its words; each gives the answer, or None: there is none.
        self.replies = {}
        self.deaf = threading.Event()  # we stop reading
        self.order = threading.RLock()  # no list shows what was before an event that was said already
        self.up()

    # -- life --

    def up(self):
        """Listens, on the same port as before."""
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.tiny:
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.server.bind(("127.0.0.1", self.port))
        self.server.listen(64)
        self.port = self.server.getsockname()[1]
        self.links = []
        threading.Thread(target=self.accept, args=(self.server,), daemon=True).start()

    def accept(self, server):
        while True:
            try:
                link = Link(server.accept()[0])
            except OSError:
                return
            self.links.append(link)
            self.attempts += 1
            threading.Thread(target=self.greet, args=(link,), daemon=True).start()

    def greet(self, link):
        try:
            if self.tls:
                link.sock = self.tls.wrap_socket(link.sock, server_side=True)
            self.serve(link)
        except OSError:  # a certificate that is not trusted
            link.sock.close()

    def down(self):
        """Gone, without a word; nobody listens."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.break_off()

    def break_off(self):
        """The connections end; new ones are taken."""
        for link in self.links:
            link.close()

    def heard(self, link, end):
        """The next message, unless we are deaf."""
        message = link.read(end)
        while self.deaf.is_set() and message is not None:
            if link.sock.fileno() < 0 or self.server.fileno() < 0:
                return None
            threading.Event().wait(0.02)
        return message

    def say(self, text):
        self.link.send(text)


class Asterisk(Pbx):
    """A manager. lacks: actions that its account may not use."""

    kind = "ami"

    def __init__(self, secret="s3cret", lacks=(), **kw):
        self.secret, self.lacks = secret, lacks
        self.channels, self.members = [], []  # what its lists show: dicts
        self.skew = None  # seconds that its clock is ahead, if it stamps its events
        self.legs = {}
        self.started = "10:00:00"
        super().__init__(**kw)

    def conf(self, name, more=""):
        return (f"plugin: cti_ami\nname: {name}\nhost: 127.0.0.1\nport: {self.port}\nusername: desk\nsecret: s3cret\n"
                f"contexts: {{inbound: [from-trunk]}}\nretry: {{min: 100ms, max: 1s}}\n{more}")

    def serve(self, link):
        link.send("Asterisk Call Manager/11.0.0\r\n")
        signed_in = False
        while (text := self.heard(link, b"\r\n\r\n")) is not None:
            fields = dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line)
            name = fields["Action"]
            if name in ("Challenge", "Login"):
                signed_in = self.sign_in(link, fields)
                if signed_in is None:
                    return
            elif signed_in:
                with self.order:
                    self.reply(link, name, fields)
            if name not in ("Challenge", "Login"):
                self.asked.put(fields)

    def sign_in(self, link, fields):
        """True: signed in; None: refused."""
        if fields["Action"] == "Challenge":
            link.send(self.text("Response: Success", fields, Challenge="198844479"))
            return False
        key = hashlib.md5(("198844479" + self.secret).encode()).hexdigest()
        if fields.get("Key") != key and fields.get("Secret") != self.secret:
            link.send(self.text("Response: Error", fields, Message="Authentication failed"))
            link.close()
            return None
        link.send(self.text("Response: Success", fields, Message="Authentication accepted"))
        link.send(self.text("Event: FullyBooted", {}, Status="Fully Booted"))
        self.link = link
        self.signed_in += 1
        return True

    @staticmethod
    def text(first, asked, **more):
        rows = [first] + ([f"ActionID: {asked['ActionID']}"] if "ActionID" in asked else [])
        return "\r\n".join(rows + [f"{k}: {v}" for k, v in more.items()]) + "\r\n\r\n"

    def reply(self, link, name, fields):
        if name in self.lacks:
            link.send(self.text("Response: Error", fields, Message="Permission denied"))
        elif name in self.replies:
            link.send(self.replies[name](fields) or "")
        elif name == "ListCommands":
            known = ("Ping", "Originate", "Hangup", "BlindTransfer", "Park", "QueuePause", "PJSIPNotify", "Atxfer", "CoreStatus",
                     "CoreShowChannels", "Status")
            link.send(self.text("Response: Success", fields, **{n: "it does that" for n in known if n not in self.lacks}))
        elif name == "CoreStatus":
            link.send(self.text("Response: Success", fields, CoreStartupDate="2026-11-22", CoreStartupTime=self.started))
        elif name in ("CoreShowChannels", "QueueStatus"):
            items = self.channels if name == "CoreShowChannels" else self.members
            event = "CoreShowChannel" if name == "CoreShowChannels" else "QueueMember"
            link.send(self.text("Response: Success", fields, EventList="start")
                      + "".join(self.text(f"Event: {event}", fields, **i) for i in items)
                      + self.text(f"Event: {name}Complete", fields, EventList="Complete"))
        else:
            link.send(self.text("Response: Success", fields))

    def action(self, name, **fields):
        """The next action of that name with these fields, once it comes."""
        while True:
            asked = self.asked.get(timeout=steward.TIMEOUT)
            if asked["Action"] == name and all(asked.get(k) == v for k, v in fields.items()):
                return asked

    # -- what happens on the phones --

    def event(self, event, *shots, **fields):
        """shots: (prefix, leg)."""
        for prefix, leg in shots:
            fields.update({prefix + k: v for k, v in leg.items()})
        if self.skew is not None:
            fields["Timestamp"] = f"{time.time() + self.skew:.6f}"
        self.say(self.text(f"Event: {event}", {}, **fields))

    def leg(self, id, call, device, **more):
        """A new channel."""
        leg = {"Channel": f"PJSIP/{device}-{len(self.legs):08x}", "ChannelState": 0, "CallerIDNum": device, "Context": "internal",
               "Exten": "s", "Uniqueid": id, "Linkedid": call, **more}
        self.legs[id] = leg
        self.event("Newchannel", ("", leg))
        return leg

    def state(self, id, state):
        self.legs[id]["ChannelState"] = state
        self.event("Newstate", ("", self.legs[id]))

    def ring(self, call, device="1001", calling=CALLER, called=LINE):
        self.leg(call, call, "trunk", ChannelState=4, CallerIDNum=calling, Context="from-trunk", Exten=called)
        self.dial(call, f"{call}-{device}", device)

    def dial(self, call, id, device, **more):
        self.leg(id, call, device, **more)
        self.event("DialBegin", ("", self.legs[call]), ("Dest", self.legs[id]))
        self.state(id, 5)

    def answer(self, call, device="1001"):
        """The phone, or the owner that was dialled, picks up."""
        id = f"{call}-{device}"
        self.state(id, 6)
        self.event("DialEnd", ("", self.legs[call]), ("Dest", self.legs[id]), DialStatus="ANSWER")
        self.state(call, 6)
        for each in (id, call):
            self.event("BridgeEnter", ("", self.legs[each]), BridgeUniqueid=f"b-{call}", BridgeType="basic")

    def hold(self, call, device="1001", held=True):
        self.event("Hold" if held else "Unhold", ("", self.legs[f"{call}-{device}" if f"{call}-{device}" in self.legs else call]))

    def hang_up(self, call, by=None, cause=16):
        """Everybody's channels end; by: the leg that asked for it."""
        if by:
            self.event("HangupRequest", ("", self.legs[by]), Cause=cause)
        for id in [i for i, leg in self.legs.items() if leg["Linkedid"] == call]:
            self.event("Hangup", ("", self.legs.pop(id)), Cause=cause)

    def list(self, call, device="1001"):
        """The call stands in the list of channels, talking."""
        self.channels = [{**self.legs[id], "BridgeId": f"b-{call}", "Duration": "00:00:01"} for id in (call, f"{call}-{device}")]

    def paused(self, device, paused, reason=""):
        with self.order:
            for member in self.members:
                if member["Location"] == f"PJSIP/{device}":
                    member.update(Paused=int(paused), PausedReason=reason)
            self.event("QueueMemberPause", Queue="service", Interface=f"PJSIP/{device}", Paused=int(paused), PausedReason=reason, Status=1)

    def member(self, device, queue="service", **more):
        self.members.append({"Queue": queue, "Location": f"PJSIP/{device}", "Paused": 0, "Status": 1, **more})

    # -- a call that steward dials --

    def dialled(self):
        """The dial that was asked for, as (call, device, number, fields)."""
        asked = self.action("Originate")
        return asked["ChannelId"], asked["Channel"].split("/")[1], asked["Exten"], asked

    def agent_rings(self, call, device):
        self.leg(call, call, device)
        self.event("DialBegin", ("Dest", self.legs[call]))
        self.state(call, 5)

    def agent_picks_up(self, call, number):
        """... and the owner's phone rings."""
        self.state(call, 6)
        self.dial(call, f"{call}-{number}", "trunk", CallerIDNum=number, Context="from-trunk")

    def owner_answers(self, call, number):
        self.answer(call, number)

    def owner_is_busy(self, call, number):
        id = f"{call}-{number}"
        self.event("HangupRequest", ("", self.legs[id]), Cause=17)
        self.event("DialEnd", ("", self.legs[call]), ("Dest", self.legs[id]), DialStatus="BUSY")
        self.hang_up(call, cause=17)

    def nobody_answers(self, call, number):
        self.event("DialEnd", ("", self.legs[call]), ("Dest", self.legs[f"{call}-{number}"]), DialStatus="NOANSWER")
        self.hang_up(call, cause=19)


class Freeswitch(Pbx):
    """An event socket with plain events."""

    kind = "esl"

    def __init__(self, password="ClueCon", **kw):
        self.password = password
        self.rows, self.agents = [], []  # what its lists show
        self.skew = 0
        self.core = "11111111-0000-4000-8000-000000000000"
        self.legs = {}
        super().__init__(**kw)

    def conf(self, name, more=""):
        return (f"plugin: cti_esl\nname: {name}\nhost: 127.0.0.1\nport: {self.port}\npassword: ClueCon\n"
                f"contexts: {{inbound: [public]}}\nretry: {{min: 100ms, max: 1s}}\n{more}")

    def serve(self, link):
        link.send("Content-Type: auth/request\n\n")
        while (text := self.heard(link, b"\n\n")) is not None:
            words = text.split()
            if words[0] == "auth":
                if words[1:] != [self.password]:
                    self.answer_command(link, "-ERR invalid")
                    link.send("Content-Type: text/disconnect-notice\nContent-Length: 14\n\nDisconnected.\n")
                    link.close()
                    return
                self.link = link
                self.signed_in += 1
                self.answer_command(link, "+OK accepted")
            elif words[0] == "api":
                with self.order:
                    self.api(link, " ".join(words[1:]))
            elif words[0] == "bgapi":
                self.job(link, text)
            else:
                self.answer_command(link, "+OK event listener enabled plain")
            if words[0] != "auth":
                self.asked.put(text)

    @staticmethod
    def answer_command(link, text):
        link.send(f"Content-Type: command/reply\nReply-Text: {text}\n\n")

    def api(self, link, command):
        body = "+OK\n"
        if command.startswith("show channels"):
            body = json.dumps({"row_count": len(self.rows), **({"rows": self.rows} if self.rows else {})})
        elif command == "callcenter_config agent list":
            body = "name|instance_id|uuid|type|contact|status|state\n" + "".join(
                f"{a}|single_box||callback|user/{a}|{status}|Waiting\n" for a, status in self.agents) + "+OK\n"
        link.send(f"Content-Type: api/response\nContent-Length: {len(body)}\n\n{body}")

    def job(self, link, text):
        command, more = text.split("\n", 1)
        uuid, words = more.split(": ")[1], command.split()[1:]
        self.answer_command(link, f"+OK Job-UUID: {uuid}\nJob-UUID: {uuid}")
        result = self.replies[words[0]](words) if words[0] in self.replies else "+OK"
        if words[0] == "originate":
            self.dial_job = uuid
        elif result:
            self.job_done(uuid, result)

    def job_done(self, uuid, result):
        self.event("BACKGROUND_JOB", body=result + "\n", **{"Job-UUID": uuid})

    def action(self, command):
        """The next job that begins so, once it comes: its words."""
        while True:
            text = self.asked.get(timeout=steward.TIMEOUT)
            if text.startswith(f"bgapi {command}"):
                return text.split("\n")[0].split(" ")[1:]

    # -- what happens on the phones --

    def event(self, event, leg=None, body="", **fields):
        headers = {"Event-Name": event, "Core-UUID": self.core,
                   "Event-Date-Timestamp": int((time.time() + self.skew) * 1e6), **(leg or {}), **fields}
        text = "".join(f"{k}: {urllib.parse.quote(str(v), safe=' /.,@')}\n" for k, v in headers.items())
        text += f"Content-Length: {len(body)}\n\n{body}" if body else "\n"
        self.say(f"Content-Length: {len(text)}\nContent-Type: text/event-plain\n\n{text}")

    def leg(self, id, channel, direction, number, to, context, **more):
        leg = {"Unique-ID": id, "Channel-Name": channel, "Call-Direction": direction, "Caller-Caller-ID-Number": number,
               "Caller-Destination-Number": to, "Caller-Context": context, **more}
        self.legs[id] = leg
        self.event("CHANNEL_CREATE", leg)

    def ring(self, call, device="1001", calling=CALLER, called=LINE):
        self.leg(call, f"sofia/external/{calling}@trunk", "inbound", calling, called, "public", **{"Channel-Call-UUID": call})
        self.leg(f"{call}-{device}", f"sofia/internal/{device}@phone", "outbound", calling, device, "default",
                 **{"Channel-Call-UUID": call, "Other-Leg-Unique-ID": call, "variable_dialed_user": device})
        self.event("CHANNEL_PROGRESS", self.legs[f"{call}-{device}"])

    def answer(self, call, device="1001"):
        id = f"{call}-{device}"
        self.event("CHANNEL_ANSWER", self.legs[id])
        self.event("CHANNEL_ANSWER", self.legs[call])
        self.event("CHANNEL_BRIDGE", self.legs[call], **{"Bridge-A-Unique-ID": call, "Bridge-B-Unique-ID": id, "Other-Leg-Unique-ID": id})

    def hold(self, call, device="1001", held=True):
        id = f"{call}-{device}" if f"{call}-{device}" in self.legs else call
        self.event("CHANNEL_HOLD" if held else "CHANNEL_UNHOLD", self.legs[id])

    def hang_up(self, call, by=None, cause="NORMAL_CLEARING"):
        for id in [i for i in self.legs if i == call or i.startswith(f"{call}-")]:
            self.event("CHANNEL_HANGUP_COMPLETE", self.legs.pop(id), **{
                "Hangup-Cause": cause, "variable_sip_hangup_disposition": "recv_bye" if id == by else "send_bye"})

    def list(self, call, device="1001"):
        """The call stands in the list of channels, talking."""
        self.rows = [{"uuid": id, "direction": leg["Call-Direction"], "created_epoch": str(int(time.time())), "name": leg["Channel-Name"],
                      "cid_num": leg["Caller-Caller-ID-Number"], "dest": leg["Caller-Destination-Number"],
                      "context": leg["Caller-Context"], "presence_id": f"{device}@fs.local" if id != call else "", "callstate": "ACTIVE",
                      "call_uuid": call} for id, leg in self.legs.items() if id in (call, f"{call}-{device}")]

    def paused(self, device, paused, reason=""):
        name, status = f"{device}@fs.local", "On Break" if paused else "Available"
        with self.order:
            self.agents = [(n, status if n == name else s) for n, s in self.agents]
            self.event("CUSTOM", **{"Event-Subclass": "callcenter::info", "CC-Action": "agent-status-change", "CC-Agent": name,
                                    "CC-Agent-Status": status})

    def member(self, device):
        self.agents.append((f"{device}@fs.local", "Available"))

    # -- a call that steward dials --

    def dialled(self):
        words = self.action("originate")
        text = " ".join(words)
        variables = dict(v.split("=", 1) for v in text[text.index("{") + 1:text.index("}")].split(","))
        dialled = text[text.index("}") + 1:].split(" ")
        return variables["origination_uuid"], dialled[0].split("/")[1].split("@")[0], dialled[1], variables

    def agent_rings(self, call, device):
        self.leg(call, f"sofia/internal/{device}@phone", "outbound", "075526888888", device, "default", variable_dialed_user=device)
        self.event("CHANNEL_PROGRESS", self.legs[call])

    def agent_picks_up(self, call, number):
        self.event("CHANNEL_ANSWER", self.legs[call])
        self.job_done(self.dial_job, f"+OK {call}")
        self.leg(f"{call}-{number}", f"sofia/external/{number}@trunk", "outbound", "075526888888", number, "default",
                 **{"Other-Leg-Unique-ID": call})
        self.event("CHANNEL_PROGRESS", self.legs[f"{call}-{number}"])

    def owner_answers(self, call, number):
        id = f"{call}-{number}"
        self.event("CHANNEL_ANSWER", self.legs[id])
        self.event("CHANNEL_BRIDGE", self.legs[call], **{"Bridge-A-Unique-ID": call, "Bridge-B-Unique-ID": id, "Other-Leg-Unique-ID": id})

    def owner_is_busy(self, call, number):
        self.event("CHANNEL_HANGUP_COMPLETE", self.legs.pop(f"{call}-{number}"),
                   **{"Hangup-Cause": "USER_BUSY", "variable_sip_hangup_disposition": "recv_refuse"})
        self.hang_up(call, cause="USER_BUSY")

    def nobody_answers(self, call, number):
        self.event("CHANNEL_HANGUP_COMPLETE", self.legs.pop(f"{call}-{number}"),
                   **{"Hangup-Cause": "NO_ANSWER", "variable_sip_hangup_disposition": "send_cancel"})
        self.hang_up(call, cause="NO_ANSWER")


KINDS = {"ami": Asterisk, "esl": Freeswitch}


@pytest.fixture
def rack():
    """rack(kind, …): a PBX; all are gone after the test."""
    made = []

    def new(kind, **kw):
        made.append(KINDS[kind](**kw))
        return made[-1]

    yield new
    for pbx in made:
        pbx.deaf.clear()
        try:
            pbx.down()
        except OSError:
            pass


def start(make, pbxs, more=None, before=None):
    """A site with these PBXs by name, once all are up."""
    site = make(start=False)
    for name, pbx in pbxs.items():
        site.plugin(name, pbx.conf(name, (more or {}).get(name, "")))
    if before:
        before(site)
    site.start()
    for name in pbxs:
        until(site, name, "up")
    return site


def source(site, name):
    return next((s for s in site.get("/sources")["items"] if s["name"] == name), None)


def until(site, name, state):
    """The source once it is in that state."""
    return steward.eventually(lambda: (s := source(site, name)) and s["state"] == state and s, f"{name} {state}")


def call_of(site, pbx, call):
    return next(iter(site.get(f"/calls?source={pbx}&call={call}")["items"]), None)


def call_until(site, pbx, call, **fields):
    return steward.eventually(lambda: (c := call_of(site, pbx, call)) and all(c[k] == v for k, v in fields.items()) and c,
                              f"call {call} with {fields}")


def checks(site):
    ready = site.request("GET", "/readyz")
    return ready.status, ready.json["status"], {n: c for n, c in ready.json["checks"].items() if n.startswith("source:")}


def actions(line, ids=collections.Counter()):
    """act(action, **fields) at a line: its result."""
    def act(action, **fields):
        ids["n"] += 1
        line.send({"type": "action", "id": ids["n"], "action": action, **fields})
        return line.expect("result", id=ids["n"])
    return act
