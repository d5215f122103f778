"""A real stewardd in a folder of its own, and clients for its doors.

Nothing here waits by the clock for something to happen: readers block on sockets (with a time-out
that only ends a failing test), and wall time inside the daemon is moved with Steward.advance().
"""
import http.client
import http.server
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

BUILD = pathlib.Path(os.environ.get("STEWARD_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build/asan"))
BIN = BUILD / "bin"
TIMEOUT = float(os.environ.get("STEWARD_TEST_TIMEOUT", "300"))
TOKEN = "dev-token"
START_MS = 1795310000000  # 2026-11-22T01:13:20Z, where a moved clock begins

SANITIZER = re.compile(r"ERROR: (Address|Leak|Undefined|Thread)Sanitizer|runtime error:|WARNING: ThreadSanitizer")


handed_out = set()


def free_port():
    """A port that nobody listens on and that this process was not given before."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in handed_out:
            handed_out.add(port)
            return port


def eventually(probe, what="condition", timeout=None):
    """Calls probe() until it gives a true value and returns that; for what no event announces."""
    end = time.monotonic() + (timeout or TIMEOUT)
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about; last: {value!r}")
        threading.Event().wait(0.01)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


class UnixHTTPConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Line:
    """One connection of the line protocol."""

    def __init__(self, port, sock=None):
        self.sock = sock or socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.sock.settimeout(TIMEOUT)
        self.buffer = b""
        self.seen = []

    def send(self, *objects):
        data = b"".join((o if isinstance(o, bytes) else json.dumps(o, ensure_ascii=False).encode()) + b"\n" for o in objects)
        self.sock.sendall(data)

    def read(self, timeout=None):
        """The next object; None at the end of the stream."""
        self.sock.settimeout(timeout or TIMEOUT)
        while b"\n" not in self.buffer:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        obj = json.loads(line)
        self.seen.append(obj)
        return obj

    def expect(self, type, **fields):
        """The next object of this type whose fields match; others are kept in .seen."""
        while True:
            obj = self.read()
            assert obj is not None, f"closed while waiting for {type} {fields}; seen {self.seen[-5:]}"
            if obj.get("type") == type and all(obj.get(k) == v for k, v in fields.items()):
                return obj

    def ack(self, seq):
        """Reads until everything up to seq is acked."""
        while True:
            obj = self.expect("ack")
            if obj["seq"] >= seq:
                return obj

    def fence(self):
        """What came until now: sends a ping and returns the objects read before its pong."""
        before = len(self.seen)
        self.send({"type": "ping"})
        self.expect("pong")
        return self.seen[before:-1]

    def closed(self):
        while True:
            if self.read() is None:
                return True

    def close(self):
        self.sock.close()


class Pbx(Line):
    """A PBX on the line protocol that counts its own seq."""

    def __init__(self, port, name="pbx-a", token=TOKEN):
        super().__init__(port)
        self.name = name
        self.send({"type": "hello", "v": 1, "role": "pbx", "name": name, "token": token})
        self.welcome = self.expect("welcome")
        self.seq = self.welcome["last_seq"]

    def event(self, event, call, **fields):
        self.seq += 1
        self.send({"type": "event", "seq": self.seq, "event": event, "call": call, **fields})
        return self.seq

    def ring(self, call, device="1001", calling="13800138000", called="4008000", direction="inbound", **more):
        return self.event("delivered", call, device=device, calling=calling, called=called, direction=direction, **more)

    def answered(self, call, device="1001", **more):
        """Rings and is answered; returns once that is on disk."""
        self.ring(call, device, **more)
        self.event("established", call, device=device)
        self.ack(self.seq)

    def sync(self):
        return self.ack(self.seq)


class Sink:
    """An HTTP gateway that keeps what it gets. `answer` may be set to a function of the request."""

    def __init__(self, port=0):
        self.requests = queue.Queue()
        self.all = []
        self.answer = lambda request: (200, {"provider_id": f"p-{len(self.all)}"})
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = {"method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                           "body": body}
                try:
                    request["json"] = json.loads(body)
                except ValueError:
                    request["json"] = None
                sink.all.append(request)
                answer = sink.answer(request)
                sink.requests.put(request)
                if answer is None:  # never answers
                    self.close_connection = True
                    return
                status, obj, *headers = answer
                data = obj if isinstance(obj, bytes) else json.dumps(obj).encode()
                self.send_response(status)
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET = handle_any

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, request, client):
                """A daemon that was killed leaves broken connections behind."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, **fields):
        """The next request whose JSON data has these fields."""
        while True:
            request = self.requests.get(timeout=TIMEOUT)
            data = (request["json"] or {}).get("data", {})
            if all(data.get(k) == v for k, v in fields.items()):
                return request

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Steward:
    """One site folder and its daemon."""

    def __init__(self, folder, frozen=False, binary=None):
        self.folder = pathlib.Path(folder)
        self.line_port, self.http_port = free_port(), free_port()
        self.frozen = START_MS if frozen else None
        self.binary = binary or BIN / "stewardd"
        self.process = None
        self.log = []
        self.allow_log = []  # patterns of error lines that this test expects
        self.ctl("init", self.folder, "--line", f"127.0.0.1:{self.line_port}", "--http", f"127.0.0.1:{self.http_port}",
                 "--token", TOKEN, offline=True)

    # -- configuration --------------------------------------------------------------------------

    @property
    def config(self):
        return self.folder / "steward.yaml"

    def section(self, name, text):
        """Replaces a top-level section of the configuration by `text` (its indented body)."""
        old = self.config.read_text(encoding="utf-8").split("\n")
        out, skip = [], False
        for line in old:
            if re.match(r"\S", line) and not line.startswith("#"):
                skip = line.split(":")[0] == name
            if not skip:
                out.append(line)
        self.config.write_text("\n".join(out).rstrip("\n") + f"\n{name}:" + text.rstrip() + "\n", encoding="utf-8")

    def plugin(self, name, text):
        (self.folder / "plugins.d").mkdir(exist_ok=True)
        (self.folder / "plugins.d" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def webhook(self, name, url, more=""):
        self.plugin(name, f"plugin: gw_webhook\nname: {name}\nurl: {url}\nsecret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
                          f"allow_private: true\n{more}")

    # -- life -----------------------------------------------------------------------------------

    def start(self, *args, wait=True):
        command = [str(self.binary), "-c", str(self.config), *args]
        if self.frozen is not None:
            command += ["--test-clock", str(self.frozen)]
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99",
                   UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1", TSAN_OPTIONS="exitcode=99")
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env)
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self._read_log, args=(self.process,), daemon=True)
        self.reader.start()
        if wait:
            assert self.ready.wait(TIMEOUT) and self.process.poll() is None, "stewardd did not start:\n" + self.log_text()
        return self

    def _read_log(self, process):
        for line in process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self.log.append(text)
            if re.search(r"\bready\b", text):
                self.ready.set()
        self.ready.set()

    def log_text(self):
        return "\n".join(self.log[-400:])

    def logged(self, pattern):
        return eventually(lambda: any(re.search(pattern, line) for line in self.log), f"log line {pattern!r}")

    def kill(self):
        """kill -9, and nothing else."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)
        self.process = None

    def stop(self):
        """TERM; the daemon leaves cleanly with status 0."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(TIMEOUT)
            raise AssertionError("stewardd did not stop on TERM:\n" + self.log_text())
        self.reader.join(TIMEOUT)
        self.process = None
        assert code == 0, f"stewardd ended with {code}:\n" + self.log_text()

    def restart(self):
        self.stop()
        return self.start()

    def check_log(self):
        for line in self.log:
            assert not SANITIZER.search(line), self.log_text()
        wrong = [line for line in self.log if re.search(r"\berror\b", line.split(" ", 2)[1] if line.count(" ") > 1 else "")
                 and not any(re.search(p, line) for p in self.allow_log)]
        assert not wrong, "unexpected errors in the log:\n" + "\n".join(wrong)

    def close(self):
        self.stop()
        self.check_log()

    # -- time -----------------------------------------------------------------------------------

    def advance(self, seconds):
        """Moves the daemon's wall clock (frozen=True) and keeps the place for a restart."""
        self.frozen += int(seconds * 1000)
        r = self.request("POST", "/api/v1/test/clock", {"set": self.frozen}, control=True)
        assert r.status in (200, 204), r

    # -- doors ----------------------------------------------------------------------------------

    def request(self, method, path, body=None, token=TOKEN, headers=None, control=False, raw=None):
        connection = (UnixHTTPConnection(self.folder / "steward.sock") if control
                      else http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=TIMEOUT))
        headers = dict(headers or {})
        if token and not control:
            headers["Authorization"] = f"Bearer {token}"
        data = raw
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, urllib.parse.quote(path, safe="/?&=:%,+-._~"), data, headers)
        reply = connection.getresponse()
        text = reply.read().decode("utf-8", "replace")
        result = Response(reply.status, {k.lower(): v for k, v in reply.getheaders()}, text)
        connection.close()
        return result

    def get(self, path, **kw):
        r = self.request("GET", "/api/v1" + path, **kw)
        assert r.status == 200, (path, r)
        return r.json

    def post(self, path, body=None, status=(200, 201, 204), **kw):
        r = self.request("POST", "/api/v1" + path, {} if body is None else body, **kw)
        assert r.status in (status if isinstance(status, tuple) else (status,)), (path, body, r)
        return r.json if r.body else None

    def events(self, last=None, token=TOKEN):
        return Events(self.http_port, token, last)

    def pbx(self, name="pbx-a", token=TOKEN):
        return Pbx(self.line_port, name, token)

    def agent(self, device="1001", token=TOKEN, name="desk"):
        line = Line(self.line_port)
        line.send({"type": "hello", "v": 1, "role": "agent", "name": name, "device": device, "token": token})
        line.expect("welcome")
        return line

    def monitor(self, token=TOKEN):
        line = Line(self.line_port)
        line.send({"type": "hello", "v": 1, "role": "monitor", "name": "mon", "token": token})
        line.expect("welcome")
        return line

    def ctl(self, *args, ok=True, offline=False, stdin=None):
        command = [str(BIN / "stewardctl"), *map(str, args)]
        if not offline:
            command[1:1] = ["-c", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, input=stdin, cwd=self.folder.parent)
        if ok:
            assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done

    def user(self, name, role="agent", **options):
        """Adds a person and returns a token of theirs."""
        args = ["user", "add", name, "--role", role]
        for key, value in options.items():
            args += [f"--{key}", value]
        self.ctl(*args)
        return self.ctl("token", "add", "--user", name).stdout.strip()

    def owners(self, **files):
        """Imports CSV texts: owners(persons="…", units="…")."""
        folder = self.folder / "csv"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        return self.ctl("import", folder)

    def sql(self, query):
        """What an auditor with sqlite3 sees."""
        done = subprocess.run(["sqlite3", "-json", str(self.folder / "steward.db"), query], capture_output=True, text=True, check=True)
        return json.loads(done.stdout) if done.stdout.strip() else []

    def ticket(self, **fields):
        """The first ticket whose fields match, once it is there."""
        def probe():
            for t in self.get("/tickets?limit=500")["items"]:
                if all(t[k] == v for k, v in fields.items()):
                    return t
        return eventually(probe, f"ticket {fields}")

    def timeline(self, ticket):
        return self.get(f"/tickets/{ticket}/timeline?limit=500")["items"]


class Events:
    """A Server-Sent Events client."""

    def __init__(self, port, token, last=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        headers = {"Authorization": f"Bearer {token}"}
        if last:
            headers["Last-Event-ID"] = last
        self.connection.request("GET", "/api/v1/events", headers=headers)
        self.reply = self.connection.getresponse()
        self.status = self.reply.status
        self.last = None

    def next(self, event=None, **fields):
        """The next event of this name whose data has these fields, as (event, data)."""
        name, data = "message", []
        while True:
            line = self.reply.readline().decode()
            assert line, f"the stream ended while waiting for {event}"
            line = line.rstrip("\r\n")
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("id:"):
                self.last = line[3:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].strip())
            elif not line and (data or name != "message"):
                value = json.loads("\n".join(data)) if data else None
                if (event is None or name == event) and all((value or {}).get(k) == v for k, v in fields.items()):
                    return name, value
                name, data = "message", []

    def close(self):
        self.connection.close()


UNITS = """estate,building,unit,area_m2,delivered_on
四季花城,3,1201,89.5,2019-05-01
四季花城,3,1202,120,2019-05-01
四季花城,5,301,66,2020-09-01
"""
PERSONS = """key,name,language,phones,emails,segment,flags,tier
p1,王芳,zh-Hans,13800138000,wang@example.com,望子成龙,elderly,gold
p2,李强,zh-Hans,13900139000,,,,
p3,Chan Tai Man,en,+85291234567;+8613700137000,chan@example.com,富贵之家,,
p4,陈静,zh-Hans,13700137000,,,,
"""
TENURES = """person_key,estate,building,unit,role,from,to
p1,四季花城,3,1201,owner,2019-05-01,
p2,四季花城,3,1201,family,2019-05-01,
p3,四季花城,3,1202,owner,2019-05-01,
p4,四季花城,5,301,tenant,2020-09-01,
"""
VEHICLES = """person_key,plate,space
p1,粤B12345,B2-118
"""


def sample_owners(site):
    site.owners(units=UNITS, persons=PERSONS, tenures=TENURES, vehicles=VEHICLES)
