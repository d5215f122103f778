"""The link to a PBX and what may be wrong with it: secrets, rights, a peer that does not read, bad input."""
import socket
import threading
import time

import pytest

import conformance
import steward
from pbxs import actions, call_until, rack, start, until  # noqa: F401 (rack is a fixture)

KINDS = pytest.mark.parametrize("kind", ["ami", "esl"])


# -- signing in --


class Said:
    """A server that says what a recorded one said, one message for each thing it is told."""

    def __init__(self, path):
        data = path.read_bytes()
        end = b"\n\n" if path.parent.name == "esl" else b"\r\n\r\n"
        first = data.find(end) + len(end) if path.parent.name == "esl" else data.find(b"\r\n") + 2
        self.first, self.rest = data[:first], data[first:]
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port, self.attempts = self.server.getsockname()[1], 0
        threading.Thread(target=self.serve, args=(end,), daemon=True).start()

    def serve(self, end):
        while True:
            try:
                sock = self.server.accept()[0]
            except OSError:
                return
            self.attempts += 1
            messages, heard = [m + end for m in self.rest.split(end) if m], b""
            sock.sendall(self.first)
            while messages and (data := sock.recv(65536)):
                heard += data
                while end in heard and messages:
                    heard = heard.split(end, 1)[1]
                    sock.sendall(messages.pop(0))
                if len(messages) == 1 and b"disconnect" in messages[0]:
                    break
            sock.sendall(b"".join(messages))
            sock.close()

    def close(self):
        self.server.close()


REFUSED = {"ami/f1_wrong_secret": "refused", "ami/f2_unknown_user": "refused", "ami/f5_md5_wrong": "refused",
           "ami/f11_no_secret": "refused", "ami/f12_acl_denied_127_0_0_2": "not permitted",
           "esl/19-wrong-password.plain": "wrong password", "esl/19-wrong-password.d-userauth": "wrong password"}


def test_recorded_refusals(make):
    """Whoever is refused says why, and is slow to try again."""
    site, servers = make(start=False), {}
    for i, name in enumerate(REFUSED):
        kind = name.split("/")[0]
        servers[name] = Said(conformance.FOLDER / f"{name}.txt")
        key = "username: desk\nsecret" if kind == "ami" else "password"
        site.plugin(f"pbx-{i}", f"plugin: cti_{kind}\nname: pbx-{i}\nport: {servers[name].port}\n{key}: wrong\nretry: {{min: 100ms}}\n")
    site.start()
    rows = []
    for i, (name, word) in enumerate(REFUSED.items()):
        s = steward.eventually(lambda: (s := until(site, f"pbx-{i}", "down"))["error"] and s, name)
        rows.append((name, s["error"]))
        assert word in s["error"] and "wrong" not in s["error"].replace("wrong password", "").replace("wrong username", ""), s
    print("\n| recording | what steward says |\n" + "\n".join(f"| {n} | {e} |" for n, e in rows))
    assert [s.attempts for s in servers.values()] == [1] * len(servers)
    for server in servers.values():
        server.close()


@KINDS
def test_a_wrong_secret_is_tried_slowly_until_it_is_right(make, rack, kind):
    slow = rack(kind)
    quick = rack(kind)
    for pbx in slow, quick:
        pbx.secret = pbx.password = "another"
    site = make(start=False)
    site.plugin("slow", slow.conf("slow").replace("max: 1s", "max: 1h"))
    site.plugin("quick", quick.conf("quick"))
    site.start()
    steward.eventually(lambda: quick.attempts >= 2, "a second attempt")
    for name in "slow", "quick":
        s = steward.eventually(lambda: (s := until(site, name, "down"))["error"] and s, "a reason")
        assert "refused" in s["error"] and "wrong" in s["error"] and "s3cret" not in s["error"] and "ClueCon" not in s["error"]
    assert slow.attempts == 1  # one that hammers would have come ten times by now
    quick.secret = quick.password = {"ami": "s3cret", "esl": "ClueCon"}[kind]
    until(site, "quick", "up")
    slow.secret = slow.password = "another"
    site.plugin("slow", slow.conf("slow").replace("s3cret", "another").replace("ClueCon", "another"))
    site.ctl("reload")
    until(site, "slow", "up")
    assert not [line for line in site.log if "another" in line or "s3cret" in line or "ClueCon" in line]


def test_a_manager_over_tls(make, rack, certificate):
    """With its authority known; without, the link stays down and says why."""
    pbx, stranger = rack("ami", tls=certificate), rack("ami", tls=certificate)
    site = make(start=False)
    site.plugin("pbx-a", pbx.conf("pbx-a", f"tls: true\ntls_ca: {certificate[0]}\n"))
    site.plugin("pbx-b", stranger.conf("pbx-b", "tls: true\n"))
    site.start()
    until(site, "pbx-a", "up")
    phone = site.agent("1001")
    pbx.ring("1.1")
    assert phone.expect("pop")["party"] == "+8613800138000"
    assert actions(phone)("hangup")["ok"]
    pbx.action("Hangup")
    site.logged("pbx-b: link to .* is down: .*certificate")
    assert stranger.signed_in == 0 and stranger.asked.empty()


# -- a peer that does not read --


def test_a_pbx_that_reads_no_actions(make, rack):
    """The daemon stays quick, keeps little, lets the link go and comes back."""
    pbx, other = rack("ami", tiny=True), rack("ami")
    for i in range(100):
        pbx.members.append({"Queue": "service", "Location": f"Local/1001@{'context' * 12}-{i}/n", "Paused": 0, "Status": 1})
    site = start(make, {"pbx-a": pbx, "pbx-b": other})
    phones, elsewhere = [site.agent("pbx-a/1001") for _ in range(8)], site.agent("pbx-b/1002")
    pbx.ring("a.1")
    phones[0].expect("pop")
    pbx.deaf.set()
    for phone in phones:
        for n in range(32):
            phone.send({"type": "action", "id": n, "action": "not_ready", "reason": "lunch"})
    for phone in phones:
        for _ in range(32):
            result = phone.expect("result")
            assert (result["ok"], result["code"]) == (False, "source_down")
    other.ring("b.1", device="1002")
    elsewhere.expect("pop")
    assert "does not read our actions" in until(site, "pbx-a", "down")["error"] or pbx.attempts > 1
    site.logged("the PBX does not read our actions")
    pbx.deaf.clear()
    until(site, "pbx-a", "up")
    call_until(site, "pbx-a", "a.1", state="cleared")  # not in its list any more
    assert actions(phones[0])("not_ready", reason="lunch")["ok"]


# -- bad input --


@KINDS
def test_a_stream_that_breaks_off_within_a_message(make, rack, kind):
    pbx = rack(kind)
    site = start(make, {"pbx-a": pbx})
    pbx.ring("1.1")
    call_until(site, "pbx-a", "1.1", state="delivered")
    said, whole = pbx.say, []
    pbx.say = whole.append
    pbx.answer("1.1")
    pbx.say = said
    text = "".join(whole)
    pbx.say(text[:len(text) // 2])
    pbx.break_off()
    steward.eventually(lambda: pbx.signed_in == 2, "the second link")
    assert call_until(site, "pbx-a", "1.1", state="cleared")["gap"] is True
    pbx.ring("1.2")
    pbx.answer("1.2")
    call_until(site, "pbx-a", "1.2", state="established", gap=False)


@KINDS
def test_a_daemon_that_is_killed_with_calls_on(make, rack, kind):
    """Back, it finds the call that lives and the one that ended: no second call, no second ticket, no ghost."""
    pbx = rack(kind)
    site = start(make, {"pbx-a": pbx})
    steward.sample_owners(site)
    token = site.user("li.na", device="1001")
    for call, calling in ("1.1", "13800138000"), ("2.1", "+85291234567"):
        pbx.ring(call, calling=calling)
        pbx.answer(call)
        call_until(site, "pbx-a", call, state="established")
        site.ticket(caller="+85291234567" if calling[0] == "+" else f"+86{calling}")
    rows = {c["call"]: c for c in site.get("/calls")["items"]}
    site.kill()
    say, pbx.say = pbx.say, lambda text: None
    pbx.hang_up("2.1", by="2.1")
    pbx.say = say
    pbx.list("1.1")
    site.start()
    until(site, "pbx-a", "up")
    ended = call_until(site, "pbx-a", "2.1", state="cleared")
    assert (ended["gap"], ended["disposition"], ended["id"]) == (True, "answered", rows["2.1"]["id"])
    phone = site.agent("1001", token=token)
    pop = phone.expect("pop", call="1.1")
    assert pop["owners"][0]["name"] == "王芳"
    lives = call_until(site, "pbx-a", "1.1", state="established")
    assert (lives["id"], lives["agent"], lives["gap"]) == (rows["1.1"]["id"], "li.na", True)
    assert (lives["started_at"], lives["answered_at"]) == (rows["1.1"]["started_at"], rows["1.1"]["answered_at"])
    pbx.hang_up("1.1", by="1.1")
    assert phone.expect("pop_end", call="1.1")["reason"] == "cleared"
    call_until(site, "pbx-a", "1.1", state="cleared", hung_up_by="caller")
    assert len(site.get("/calls")["items"]) == 2 and len(site.get("/tickets")["items"]) == 2


@KINDS
def test_streams_of_two_calls_in_each_other(make, rack, kind):
    """Messages of two calls alternate, cut into pieces of seven bytes."""
    pbx = rack(kind)
    site = start(make, {"pbx-a": pbx})
    said, queues = pbx.say, ([], [])
    for n, messages in enumerate(queues):
        pbx.say = messages.append
        pbx.ring(f"{n}.1", device=f"100{n}")
        pbx.answer(f"{n}.1", device=f"100{n}")
        pbx.hang_up(f"{n}.1", by=f"{n}.1")
    pbx.say = said
    text = "".join(message for both in zip(*queues) for message in both)
    for at in range(0, len(text), 7):
        pbx.say(text[at:at + 7])
    for n in range(2):
        call = call_until(site, "pbx-a", f"{n}.1", state="cleared")
        assert (call["disposition"], call["device"], call["hung_up_by"]) == ("answered", f"100{n}", "caller")


def test_lines_that_end_in_lf_alone(make, rack):
    pbx = rack("ami")
    serve = pbx.serve

    def lf(link):
        send = link.send
        link.send = lambda data: send(data.replace("\r\n", "\n"))
        serve(link)

    pbx.serve = lf
    site = start(make, {"pbx-a": pbx})
    phone = site.agent("1001")
    pbx.ring("1.1")
    assert phone.expect("pop")["party"] == "+8613800138000"
    pbx.hang_up("1.1", by="1.1")
    assert phone.expect("pop_end")["reason"] == "caller_left"


FLOODS = [
    ("ami", "Event: " + "x" * 100000 + "\r\n\r\n", "a line is longer"),
    ("ami", "Event: Newchannel\r\n" + "Variable: 12345678901234567890\r\n" * 60000, "a message is longer"),
    ("esl", "X: " + "x" * 100000, "headers are longer"),
    ("esl", "Content-Length: 99999999\nContent-Type: text/event-plain\n\n", "over 4 MiB"),
    ("esl", "Content-Length: -1\nContent-Type: text/event-plain\n\n", "not a number"),
    ("esl", "Content-Length: 4x\nContent-Type: text/event-plain\n\n", "not a number"),
]


def test_what_is_too_long_ends_the_link_and_says_so(make, rack):
    pbxs = {f"pbx-{n}": rack(kind) for n, (kind, _, _) in enumerate(FLOODS)}
    site = start(make, pbxs)
    for (name, pbx), (_, flood, word) in zip(pbxs.items(), FLOODS):
        pbx.say(flood)
        site.logged(f"{name}: link to .* is down: .*{word}")
    for name, pbx in pbxs.items():
        steward.eventually(lambda: pbx.signed_in == 2, "the second link")
        until(site, name, "up")
        pbx.ring("1.1")
        call_until(site, name, "1.1", state="delivered", gap=False)


def test_events_without_linkedid(make, rack):
    pbx = rack("ami")
    site = start(make, {"pbx-a": pbx})
    phone, event = site.agent("1001"), pbx.event

    def without(name, *shots, **fields):
        event(name, *[(p, {k: v for k, v in leg.items() if k != "Linkedid"}) for p, leg in shots], **fields)

    pbx.event = without
    pbx.ring("1.1")
    assert phone.expect("pop")["party"] == "+8613800138000"
    pbx.answer("1.1")
    pbx.hang_up("1.1", by="1.1")
    call = call_until(site, "pbx-a", "1.1", state="cleared")
    assert (call["disposition"], call["device"], call["hung_up_by"]) == ("answered", "1001", "caller")
    assert len(site.get("/calls")["items"]) == 1


def test_channels_never_seen(make, rack):
    """Their ends make no calls; whatever shows them alive makes one."""
    pbx = rack("ami")
    site = start(make, {"pbx-a": pbx})
    said = pbx.say
    pbx.say = lambda text: None
    for n, end in enumerate(("Hangup", "Unhold", "HangupRequest", "DialEnd", "QueueCallerLeave")):
        pbx.ring(f"{n}.1")
        pbx.say = said
        pbx.event(end, ("", pbx.legs[f"{n}.1"]), ("Dest", pbx.legs[f"{n}.1-1001"]), Cause=16, DialStatus="ANSWER", Queue="service")
        pbx.say = lambda text: None
    pbx.ring("9.1")
    pbx.say = said
    pbx.answer("9.1")
    call = call_until(site, "pbx-a", "9.1", state="established")
    assert (call["device"], call["party"], call["direction"]) == ("1001", "+8613800138000", "inbound")
    assert len(site.get("/calls")["items"]) == 1
    pbx.hang_up("9.1", by="9.1-1001")
    call_until(site, "pbx-a", "9.1", state="cleared", hung_up_by="agent")


@KINDS
def test_ids_used_again_after_a_restart(make, rack, kind):
    """The call of the life before is closed and marked; the new one of that name is another."""
    pbx = rack(kind)
    site = start(make, {"pbx-a": pbx})
    phone = site.agent("1001")
    pbx.ring("1.1")
    phone.expect("pop")
    pbx.answer("1.1")
    call_until(site, "pbx-a", "1.1", state="established")
    pbx.down()
    pbx.started, pbx.core, pbx.legs = "11:00:00", "22222222-0000-4000-8000-000000000000", {}
    until(site, "pbx-a", "down")
    pbx.up()
    until(site, "pbx-a", "up")
    phone.expect("pop_end")
    pbx.ring("1.1", calling="13900139000")
    pop = phone.expect("pop")
    assert (pop["call"], pop["party"]) == ("1.1", "+8613900139000")
    call_until(site, "pbx-a", "1.1", state="delivered")  # the name is the new one's
    pbx.answer("1.1")
    new, old = steward.eventually(lambda: len(c := site.get("/calls")["items"]) == 2 and c[0]["state"] == "established" and c,
                                  "two calls")
    assert (old["state"], old["gap"], old["party"]) == ("cleared", True, "+8613800138000")
    assert (new["gap"], new["party"]) == (False, "+8613900139000")


@KINDS
def test_ids_used_again_at_once(make, rack, kind):
    """The call of the life before had ended by itself."""
    pbx = rack(kind)
    site = start(make, {"pbx-a": pbx})
    for n in range(1, 4):
        pbx.ring("1.1")
        pbx.answer("1.1")
        pbx.hang_up("1.1", by="1.1")
        steward.eventually(lambda: len(c := site.get("/calls?state=cleared")["items"]) == n and c, f"{n} calls")
        pbx.break_off()
        steward.eventually(lambda: pbx.signed_in == n + 1, "the next link")
        until(site, "pbx-a", "up")
    rows = site.get("/calls")["items"]
    assert [(c["disposition"], c["hung_up_by"], c["gap"]) for c in rows] == [("answered", "caller", False)] * 3


def test_clocks_that_differ(make, rack):
    """Moments are the PBX's, differences are taken within its clock."""
    pbxs = {f"{kind}{n}": rack(kind) for n in range(2) for kind in ("ami", "esl")}
    for name, pbx in pbxs.items():
        pbx.skew = -86400 if name.endswith("0") else 3600
    site = start(make, pbxs)
    for name, pbx in pbxs.items():
        phone = site.agent(f"{name}/1001")
        for call, by in ("1.1", "1.1"), ("1.2", "1.2-1001"):
            pbx.ring(call)
            phone.expect("pop", call=call)
            pbx.answer(call)
            call_until(site, name, call, state="established")
            pbx.hold(call)
            call_until(site, name, call, state="held")
            pbx.hold(call, held=False)
            pbx.hang_up(call, by=by)
            phone.expect("pop_end", call=call)
            row = call_until(site, name, call, state="cleared")
            assert (row["gap"], row["disposition"]) == (False, "answered")
            for key in "wait_s", "talk_s", "hold_s":
                assert 0 <= row[key] < steward.TIMEOUT, (key, row)
            moments = [conformance.seconds(row[k]) for k in ("started_at", "answered_at", "ended_at")]
            assert moments == sorted(moments)
            assert all(abs(m - time.time() - pbx.skew) < 60 for m in moments), row
