"""stewardsim: each of the other sides, spoken to through its socket."""
import base64
import hashlib
import hmac
import http.client
import json
import re
import socket
import subprocess
import time

import pytest
import steward

SIM = steward.BIN / "stewardsim"
SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Sim:
    """One running stewardsim; its output lines as objects."""

    def __init__(self, *args):
        self.process = subprocess.Popen([str(SIM), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def next(self, what):
        for line in self.process.stdout:
            obj = json.loads(line)
            if obj["what"] == what:
                return obj
        raise AssertionError(f"stewardsim ended before '{what}': {self.process.stderr.read()}")

    def end(self, code=0):
        assert self.process.wait(steward.TIMEOUT) == code, self.process.stderr.read()
        errors = self.process.stderr.read()
        assert not steward.SANITIZER.search(errors), errors


@pytest.fixture
def sim():
    made = []

    def start(*args):
        made.append(Sim(*args))
        return made[-1]

    yield start
    for s in made:
        s.process.terminate()
        errors = s.process.communicate(timeout=steward.TIMEOUT)[1]
        assert not steward.SANITIZER.search(errors or ""), errors


def post(port, body, headers=None, method="POST", path="/", timeout=steward.TIMEOUT):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request(method, path, body, headers or {})
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def test_help_and_mistakes():
    for args, code in (["--help"], 0), (["pbx", "--help"], 0), (["ami", "--help"], 0), (["dance"], 2), ([], 2), \
                      (["pbx", "--rate", "x"], 2), (["pbx", "--nonsense"], 2), (["gateway", "--mode", "x"], 2), \
                      (["pbx", "--connect", "nowhere"], 2), (["ami", "--play", "/nowhere"], 2):
        done = subprocess.run([str(SIM), *args], capture_output=True, text=True)
        assert done.returncode == code, (args, done)
        assert "Sanitizer" not in done.stderr


def test_gateway_checks_signatures_and_changes_its_manners(sim):
    gateway = sim("gateway", "--listen", "127.0.0.1:0", "--secret", f"whsec_{SECRET}", "--requests", 4)
    port = gateway.next("listening")["port"]
    body, stamp = b'{"type":"message.send"}', str(int(time.time()))
    mac = base64.b64encode(hmac.new(base64.b64decode(SECRET), f"m1.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    signed = {"webhook-id": "m1", "webhook-timestamp": stamp, "webhook-signature": f"v1,AAAA v1,{mac}"}
    assert post(port, body, signed)[0] == 200
    seen = gateway.next("request")
    assert seen["signature"] == "good" and seen["body"] == {"type": "message.send"} and seen["headers"]["webhook-id"] == "m1"
    assert post(port, body + b" ", signed)[0] == 200
    assert gateway.next("request")["signature"] == "wrong"
    assert post(port, b"{}", path="/mode", method="PUT")[0] == 422
    assert post(port, b'{"mode":"error","status":502}', path="/mode", method="PUT")[0] == 200
    assert post(port, b"plain")[0] == 502
    seen = gateway.next("request")
    assert seen["signature"] == "a header is missing" and seen["body"] == "plain"
    assert post(port, b'{"mode":"silent"}', path="/mode", method="PUT")[0] == 200
    with pytest.raises((TimeoutError, http.client.RemoteDisconnected)):
        post(port, b"{}", timeout=1)
    gateway.end()


def login(port, md5):
    peer = socket.create_connection(("127.0.0.1", port), timeout=steward.TIMEOUT).makefile("rwb")
    assert peer.readline() == b"Asterisk Call Manager/11.0.0\r\n"

    def act(**fields):
        peer.write("".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode() + b"\r\n")
        peer.flush()

    def read():
        lines = []
        while (line := peer.readline()) not in (b"\r\n", b""):
            lines.append(line.decode().rstrip("\r\n").partition(": "))
        return {k: v for k, _, v in lines}

    if md5:
        act(Action="Challenge", AuthType="MD5")
        key = hashlib.md5((read()["Challenge"] + "secret").encode()).hexdigest()
        act(Action="Login", AuthType="MD5", Username="steward", Key=key, ActionID="1")
    else:
        act(Action="Login", Username="steward", Secret="secret", ActionID="1")
    return act, read


@pytest.mark.parametrize("md5", [False, True])
def test_ami_plays_a_call_to_whoever_logs_in(sim, md5):
    ami = sim("ami", "--listen", "127.0.0.1:0", "--speed", 2000, "--calls", 2, "--rate", 100, "--caller", "13900000001")
    act, read = login(ami.next("listening")["port"], md5)
    assert read() == {"Response": "Success", "ActionID": "1", "Message": "Authentication accepted"}
    assert read()["Event"] == "FullyBooted"
    act(Action="CoreShowChannels", ActionID="2")
    hangups, ids, listed = 0, set(), False
    while hangups < 4 or not listed:
        packet = read()
        listed |= packet.get("Event") == "CoreShowChannelsComplete"
        hangups += packet.get("Event") == "Hangup"
        if packet.get("Event") == "QueueCallerJoin":
            assert packet["CallerIDNum"] == "13900000001" and packet["Queue"] == "service"
            ids.add(packet["Uniqueid"])
    assert len(ids) == 2 and all(re.fullmatch(r"\d{10}\.1", i) for i in ids)


def test_ami_refuses_a_wrong_secret_and_plays_recordings(sim):
    recording = steward.pathlib.Path(__file__).parents[1] / "recordings/ami/a1_queue_ringall_answered.txt"
    ami = sim("ami", "--listen", "127.0.0.1:0", "--speed", 2000, "--secret", "other", "--play", recording)
    port = ami.next("listening")["port"]
    act, read = login(port, md5=False)
    assert read()["Response"] == "Error"
    ami = sim("ami", "--listen", "127.0.0.1:0", "--speed", 2000, "--play", recording)
    act, read = login(ami.next("listening")["port"], md5=False)
    events = []
    while events.count("Hangup") < 4:
        packet = read()
        events.append(packet.get("Event"))
        assert events.count("FullyBooted") <= 1
    assert events.count("AgentConnect") == 1


def test_pbx_and_softphones_against_the_daemon(site, sim):
    phones = sim("softphone", "--connect", f"127.0.0.1:{site.line_port}", "--devices", "1001-1003", "--quiet", "--pops", 30)
    steward.eventually(lambda: "steward_line_links{role=\"agent\"} 3" in site.request("GET", "/metrics").body, "three softphones")
    pbx = sim("pbx", "--connect", f"127.0.0.1:{site.line_port}", "--devices", "1001-1003", "--calls", 30, "--rate", 100,
              "--ring", 20, "--talk", 50, "--abandon", 20)
    done = pbx.next("done")
    assert done["calls"] == 30 and done["acked"] == done["seq"] and done["errors"] == 0
    pbx.end()
    phones.end()
    steward.eventually(lambda: len(site.get("/calls?limit=100&state=cleared")["items"]) == 30, "30 calls")


def test_pbx_goes_on_after_a_kill(site, sim):
    pbx = sim("pbx", "--connect", f"127.0.0.1:{site.line_port}", "--calls", 200, "--rate", 200, "--ring", 100, "--talk", 400,
              "--reconnect", 50)
    pbx.next("welcome")
    steward.eventually(lambda: len(site.get("/calls?limit=50")["items"]) == 50, "some calls")
    site.kill()
    pbx.next("down")
    site.start()
    done = pbx.next("done")
    assert done["errors"] == 0 and done["acked"] == done["seq"]
    pbx.end()
    calls, cursor = 0, ""
    while cursor is not None:
        page = site.get(f"/calls?limit=500&state=cleared{cursor}")
        calls += len(page["items"])
        cursor = page["next"] and "&cursor=" + page["next"]
    assert calls == 200


def test_pbx_plays_a_script(site, sim, tmp_path):
    script = tmp_path / "call.jsonl"
    script.write_text("\n".join(json.dumps(e) for e in [
        {"event": "delivered", "call": "c1", "device": "1001", "calling": "13800138000", "direction": "inbound"},
        {"event": "established", "call": "c1", "device": "1001", "after_ms": 20},
        {"event": "cleared", "call": "c1", "by": "caller", "after_ms": 20}]))
    pbx = sim("pbx", "--connect", f"127.0.0.1:{site.line_port}", "--script", script, "--verbose")
    assert [pbx.next("sent")["seq"] for _ in range(3)] == [1, 2, 3]
    pbx.end()
    assert site.get("/calls?call=c1")["items"][0]["disposition"] == "answered"
