"""Every recording of a real PBX through a real socket into a real stewardd, in groups that a small
machine carries, each a source of its own: the calls, the pops and the agents' states against what
the phones did."""
import collections
import os
import random
import threading

import pytest

import conformance
import steward

# f…: sign-ins, which are answered here in a recording's place; test_pbx_links has those.
AMI = sorted({p.name.split(".")[0] for p in (conformance.FOLDER / "ami").glob("*.idx")})
AMI = [n for n in AMI if n[0] != "f" and not n.endswith("_after")]
WAYS = ("read", "random", "bytes")
ESL_FORMS = {"subset.txt": ("read", "bytes"), "subset-json.txt": ("read", "random"), "plain.txt": ("read",), "json.txt": ("read",)}


def scenarios():
    """(source, kind, recording, way of playing)."""
    for name in AMI:
        small = (conformance.FOLDER / "ami" / f"{name}.txt").exists()
        for how in WAYS if small else ("read",):
            yield f"{name.replace('_', '-')}-{how}", "ami", name, how
    for name in conformance.ESL:
        for form in ESL_FORMS:
            path = conformance.FOLDER / "esl" / f"{name}.{form}"
            if path.with_name(path.name + ".chunks").exists():
                for how in ESL_FORMS[form]:
                    yield f"{name}-{form[:-4]}-{how}", "esl", f"{name}.{form}", how


GROUPS = 10  # some twenty recordings each


def group(number):
    """Recordings of about the same length: no group waits long for its longest."""
    def length(scenario):
        recording = conformance.Recording(*scenario[1:], seed=0)
        return recording.pieces[-1][0] if recording.pieces else 0

    played = sorted(scenarios(), key=length)
    share = -(-len(played) // GROUPS)
    return played[number * share:(number + 1) * share]


def instance(source, kind, port):
    more = ("username: desk\nsecret: s3cret\ncontexts: {inbound: [from-trunk]}\n" if kind == "ami" else
            "password: ClueCon\ncontexts: {inbound: [public]}\n")
    return f"plugin: cti_{kind}\nname: {source}\nhost: 127.0.0.1\nport: {port}\nretry: {{min: 100ms, max: 1s}}\n{more}"


class Phones(threading.Thread):
    """Softphones 1001 to 1004: every pop and pop_end by (source, device)."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.pops, self.ends = collections.defaultdict(list), collections.defaultdict(list)
        for device in ("1001", "1002", "1003", "1004"):
            line = site.agent(device, name=f"phone-{device}")
            threading.Thread(target=self.read, args=(line, device), daemon=True).start()

    def read(self, line, device):
        try:
            while (obj := line.read(timeout=conformance.CEILING)) is not None:
                if obj["type"] == "pop" and not obj["update"]:
                    self.pops[obj["source"], device].append(obj)
                elif obj["type"] == "pop_end":
                    self.ends[obj["source"], device].append(obj)
        except OSError:
            pass

    def have_all(self, wants, got):
        """Waits for the pops that are owed; who stays without is named by wrong()."""
        def owed():
            calls = {source: [dict(c) for c in these] for source, these in got.items()}
            return [1 for source, want in wants if self.wrong(source, want, conformance.find(want, calls[source]))]

        try:
            steward.eventually(lambda: not owed(), "every pop and its end")
        except AssertionError as e:
            print(e)

    def wrong(self, source, want, call):
        """What is wrong with this call's pops."""
        for device in want.rang if want.direction == "inbound" and call else ():
            pops, ends = ([p for p in said[source, device] if p["call"] == call["call"]] for said in (self.pops, self.ends))
            if not pops and want.disposition != "busy":
                return [f"no pop at {device}"]
            if len(ends) != len(pops):
                return [f"{len(pops)} pops but {len(ends)} ends at {device}"]
            if any(p["called"] != want.called for p in pops):
                return ["pop shows another number"]
        return []


@pytest.fixture
def site(make):
    """A site whose clock the recordings move, from after they were made; not started yet."""
    made = make(start=False, frozen=True)
    made.frozen += 30 * 86400 * 1000
    return made


@pytest.fixture
def players(site):
    made = conformance.Players(site)
    yield made
    made.close()


def table(rows):
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    print("\n| scenario | what the phones did | what steward says | |\n" + text)
    out = os.environ.get("STEWARD_CONFORMANCE")
    if out:
        with open(out, "a", encoding="utf-8") as f:
            f.write(text + "\n")


def written(site):
    """All that the sources told until now is on disk: what is told after it is acked."""
    fence = site.pbx("fence")
    fence.answered("fence-1", device="9999")
    fence.event("cleared", "fence-1", cause="normal")
    fence.sync()
    fence.close()


@pytest.mark.spread
@pytest.mark.parametrize("number", range(GROUPS))
def test_recordings(site, players, number):
    seed = random.randrange(1 << 30)
    print(f"random pieces: seed {seed}")
    played = group(number)
    for i, (source, kind, name, how) in enumerate(played):
        port = players.add(source, kind, name, how, seed + i, dies=name[0] == "i" and name != "i5_reloads")
        site.plugin(source, instance(source, kind, port))
    site.start()
    phones = Phones(site)
    players.play()
    written(site)
    for source, *_ in played:
        steward.eventually(lambda: all(c["state"] == "cleared" for c in calls(site, source)), f"the end of {source}")
    phones.have_all([(source, want) for source, kind, name, _ in played for want in wanted(kind, name)],
                    {source: calls(site, source) for source, *_ in played})
    rows, faults = [], []
    for source, kind, name, how in played:
        wants = wanted(kind, name)
        got = calls(site, source)
        for want in wants:
            call = conformance.find(want, got)
            wrong = conformance.compare(want, call) + phones.wrong(source, want, call)
            rows.append((source, want.cell(), conformance.cell(call), ", ".join(wrong) or "ok"))
            faults += [f"{source}: {w}" for w in wrong]
        # a consultation is internal, or became part of its call, so that nobody hung it up
        ghosts = [c for c in got if not c.get("_taken") and c["direction"] != "internal" and c["hung_up_by"]]
        rows += [(source, "no call", conformance.cell(c), "ghost") for c in ghosts]
        faults += [f"{source}: ghost" for _ in ghosts]
        if not wants and not ghosts:
            rows.append((source, "no call", "no call", "ok"))
    if len(rows) > 400:  # the storm is 200 calls of one kind
        rows = [r for i, r in enumerate(rows) if not r[0].startswith("h1") or r[3] != "ok" or i % 50 == 0]
    table(rows)
    assert not faults, faults


def wanted(kind, name):
    return conformance.ami_truth(name) if kind == "ami" else conformance.ESL[name.split(".")[0]]


def calls(site, source):
    return site.get(f"/calls?source={source}&limit=500")["items"]


@pytest.mark.spread
@pytest.mark.parametrize("name", ["i2_restart_with_calls", "i3_crash_with_calls", "i4_stop_start_with_calls"])
def test_restart(site, players, name):
    """The PBX falls silent with calls on it: after it came back they are closed, marked, once."""
    port = players.add("pbx-r", "ami", name, "read", 1)
    site.plugin("pbx-r", instance("pbx-r", "ami", port))
    site.start()
    players.play()
    live = calls(site, "pbx-r")
    assert len(live) == 3 and all(c["state"] != "cleared" for c in live), live
    players.hang_up("pbx-r")
    steward.eventually(lambda: all(c["state"] == "cleared" for c in calls(site, "pbx-r")), "the calls' end")
    after = {c["called"]: c for c in calls(site, "pbx-r")}
    assert len(after) == 3 and all(c["gap"] for c in after.values())
    assert after["4008001"]["disposition"] == after["4008000"]["disposition"] == "answered"
    assert site.get("/sources")["items"][0]["state"] == "up"
    assert "steward_" in site.request("GET", "/metrics").body


def test_agent_states(site, players):
    """Pauses in the PBX show at the desk, and the desk pauses in the PBX."""
    port = players.add("pbx-q", "ami", "j4_queue_members", "read", 1)
    site.plugin("pbx-q", instance("pbx-q", "ami", port))
    site.start()
    token = site.user("li.na", device="1002")
    players.play()
    steward.eventually(lambda: [a for a in site.get("/agents")["items"] if a["user"] == "li.na" and a["state"] == "ready"], "ready")
    line = site.agent("1002", token=token, name="li.na")
    line.send({"type": "action", "id": "a1", "action": "not_ready", "reason": "lunch"})
    result = line.expect("result", id="a1")
    assert result["ok"], result
    sent = [a for a in players.recordings["pbx-q"].actions if a["Action"] == "QueuePause"]
    assert sent[-1]["Interface"] == "PJSIP/1002" and sent[-1]["Paused"] == "true" and sent[-1]["Reason"] == "lunch"
    line.close()


def shot(id, linked, channel, context, number, state, prefix=""):
    """A channel's snapshot within an event."""
    return "".join(f"{prefix}{k}: {v}\n" for k, v in (("Channel", channel), ("ChannelState", state), ("CallerIDNum", number),
                                                      ("Context", context), ("Exten", "s"), ("Uniqueid", id), ("Linkedid", linked)))


def test_dial(site, players):
    """Dialling rings the agent's phone first, which shows the owner's name; what came of it comes as events."""
    site.section("numbering", '\n  country: CN\n  area_code: "755"\n  outbound_number: "075526888888"')
    port = players.add("pbx-d", "ami", "j2_actions_idle", "read", 1)
    site.plugin("pbx-d", instance("pbx-d", "ami", port))
    site.start()
    steward.sample_owners(site)
    token = site.user("li.na", device="1001")
    phone = site.agent("1001", token=token, name="li.na")
    players.play()
    steward.eventually(lambda: site.get("/sources")["items"][0]["state"] == "up", "up")
    dialling = threading.Thread(target=lambda: answers.append(site.post("/calls", {"number": "13800138000"}, token=token)))
    answers = []
    dialling.start()  # it is answered once the phone rings
    asked = players.action("pbx-d", "Originate")
    assert asked["Channel"] == "PJSIP/1001" and asked["Async"] == "true" and asked["Exten"].endswith("13800138000")
    assert "王芳" in asked["CallerID"] and "<075526888888>" in asked["CallerID"] and "13800138000" not in asked["CallerID"]
    call = asked["ChannelId"]
    agent = ("PJSIP/1001-01", "internal", "1001")
    players.say("pbx-d", f"Event: Newchannel\n{shot(call, call, *agent, 0)}\nEvent: DialBegin\n{shot(call, call, *agent, 0, 'Dest')}\n")
    pop = phone.expect("pop", call=call)
    dialling.join()
    assert answers
    assert pop["direction"] == "outbound" and pop["party"] == "+8613800138000" and pop["match"] == "one"
    owner = ("PJSIP/trunk-02", "from-trunk", "13800138000")
    players.say("pbx-d", f"Event: Newstate\n{shot(call, call, *agent, 6)}\nEvent: Newchannel\n{shot('9.2', call, *owner, 0)}\n"
                f"Event: DialBegin\n{shot(call, call, *agent, 6)}{shot('9.2', call, *owner, 0, 'Dest')}\n"
                f"Event: HangupRequest\n{shot('9.2', call, *owner, 0)}Cause: 17\n\n"
                f"Event: DialEnd\n{shot(call, call, *agent, 6)}{shot('9.2', call, *owner, 0, 'Dest')}DialStatus: BUSY\n\n"
                f"Event: Hangup\n{shot('9.2', call, *owner, 0)}Cause: 17\n\nEvent: Hangup\n{shot(call, call, *agent, 6)}Cause: 17\n\n")
    phone.expect("pop_end", call=call)
    row = steward.eventually(lambda: [c for c in calls(site, "pbx-d") if c["state"] == "cleared"], "the call's end")[0]
    assert row["disposition"] == "busy" and row["direction"] == "outbound"
    assert site.request("POST", f"/api/v1/calls/{row['id']}/hold", {}, token=token).status in (404, 409, 501)
    phone.close()
