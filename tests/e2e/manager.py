"""An Asterisk manager by hand: it answers sign-ins and lists as told, and says what it is given."""
import socket
import threading

import steward

LISTS = {"CoreShowChannels": "CoreShowChannel", "Status": "Status", "QueueStatus": "QueueMember"}


def shot(id, linked, channel, context, number, state, prefix="", exten="s"):
    """A channel's snapshot within an event."""
    return "".join(f"{prefix}{k}: {v}\r\n" for k, v in (("Channel", channel), ("ChannelState", state), ("CallerIDNum", number),
                                                        ("Context", context), ("Exten", exten), ("Uniqueid", id), ("Linkedid", linked)))


class Manager:
    """denied: actions that are refused; silent: that get no answer; lists: items by action; started: of CoreStatus;
    booted: seconds since the start, told by FullyBooted (None: the account may not read it)."""

    def __init__(self, denied=(), silent=(), started="2026-11-22", booted=None, commands=""):
        self.denied, self.silent, self.started, self.booted, self.commands = set(denied), set(silent), started, booted, commands
        self.lists, self.actions, self.link = {}, [], None
        self.reads = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def instance(self, name, **keys):
        """The plugin's file for this server."""
        more = "".join(f"{k}: {v}\n" for k, v in keys.items())
        return (f"plugin: cti_ami\nname: {name}\nhost: 127.0.0.1\nport: {self.port}\nusername: desk\nsecret: s3cret\n"
                "contexts: {inbound: [from-trunk]}\nretry: {min: 100ms, max: 1s}\n" + more)

    def accept(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.link = link
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        rest = b""
        try:
            link.sendall(b"Asterisk Call Manager/11.0.0\r\n")
            while data := link.recv(65536):
                *messages, rest = (rest + data).split(b"\r\n\r\n")
                for message in messages:
                    self.answer(link, dict(line.split(": ", 1) for line in message.decode().split("\r\n") if ": " in line))
        except OSError:
            return

    def answer(self, link, fields):
        name, ident = fields["Action"], fields["ActionID"]
        self.actions.append(fields)
        if name in self.silent:
            return
        if name in self.denied:
            out = f"Response: Error\r\nActionID: {ident}\r\nMessage: Permission denied\r\n\r\n"
        else:
            more = {"Challenge": "Challenge: 198844479\r\n", "Login": "Message: Authentication accepted\r\n", "Ping": "Ping: Pong\r\n",
                    "CoreStatus": f"CoreStartupDate: {self.started}\r\nCoreStartupTime: 01:23:09\r\n", "ListCommands": self.commands}
            out = f"Response: Success\r\nActionID: {ident}\r\n{more.get(name, '')}\r\n"
        if name in LISTS and name not in self.denied:
            for item in self.lists.get(name, ()):
                out += f"Event: {LISTS[name]}\r\nActionID: {ident}\r\n{item}\r\n"
            out += f"Event: {name}Complete\r\nActionID: {ident}\r\nEventList: Complete\r\n\r\n"
        if name == "Login" and self.booted is not None:
            out += f"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: {self.booted}\r\nStatus: Fully Booted\r\n\r\n"
        link.sendall(out.encode())

    def say(self, *events):
        """Each event is its name and its lines."""
        text = "".join(f"Event: {name}\r\n{lines}\r\n" for name, lines in events)
        self.link.sendall(text.encode())

    def asked(self, name):
        """The last action of that name, once it came."""
        return steward.eventually(lambda: [a for a in self.actions if a["Action"] == name], name)[-1]

    def hang_up(self):
        """The connection ends without a word."""
        link, self.link = self.link, None
        link.shutdown(socket.SHUT_RDWR)
        link.close()

    def up(self, site, name):
        steward.eventually(lambda: self.source(site, name)["state"] == "up" and self.link, f"{name} is up")

    @staticmethod
    def source(site, name):
        return next(s for s in site.get("/sources")["items"] if s["name"] == name)

    def close(self):
        self.listener.close()
        if self.link:
            self.link.close()


class Direct:
    """A direct call from the trunk to 1001, event by event. number: of its two channels."""

    def __init__(self, number="1.1", phone="1.2", caller="13800138000", device="1001"):
        self.id = number
        self.caller = (number, number, f"PJSIP/trunk-{number}", "from-trunk", caller)
        self.phone = (phone, number, f"PJSIP/{device}-{phone}", "internal", device)
        self.bridge = f"b{number}"

    def t(self, state, prefix=""):
        return shot(*self.caller, state, prefix, "4008001")

    def p(self, state, prefix=""):
        return shot(*self.phone, state, prefix)

    def ring(self):
        return [("Newchannel", self.t(4)), ("Newchannel", self.p(0)), ("DialBegin", self.t(4) + self.p(0, "Dest")), ("Newstate", self.p(5))]

    def answer(self):
        return [("Newstate", self.p(6)), ("DialEnd", self.t(4) + self.p(6, "Dest") + "DialStatus: ANSWER\r\n"),
                ("BridgeEnter", f"BridgeUniqueid: {self.bridge}\r\n" + self.p(6)), ("BridgeEnter", f"BridgeUniqueid: {self.bridge}\r\n" + self.t(6))]

    def end(self):
        return [("HangupRequest", self.t(6)), ("Hangup", self.p(6) + "Cause: 16\r\n"), ("Hangup", self.t(6) + "Cause: 16\r\n")]

    def rows(self, seconds=5):
        """What CoreShowChannels says of it."""
        return [f"{leg}BridgeId: {self.bridge}\r\nDuration: 00:00:{seconds:02d}\r\n" for leg in (self.t(6), self.p(6))]
