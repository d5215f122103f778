"""Agents and their phones: who stands where, and ready and not ready both ways."""
import pytest

import steward
from pbxs import actions, call_until, rack, start, until  # noqa: F401 (rack is a fixture)

KINDS = pytest.mark.parametrize("kind", ["ami", "esl"])


def agents(site):
    return {a["user"]: a for a in site.get("/agents")["items"]}


def agent_until(site, user, **fields):
    return steward.eventually(lambda: (a := agents(site)[user]) and all(a[k] == v for k, v in fields.items()) and a,
                              f"{user} with {fields}")


def person(site, name, **options):
    site.ctl("user", "add", name, "--role", "agent", "--password-stdin", *[w for k, v in options.items() for w in (f"--{k}", v)],
             stdin="correct horse battery\n")


def sign_on(site, name, device=None):
    """The token of the session."""
    body = {"user": name, "password": "correct horse battery", **({"device": device} if device else {})}
    reply = site.post("/session", body, token=None)
    assert reply["user"] == name and (not device or reply["device"] == device)
    return reply["token"]


def test_a_call_is_theirs_who_stands_at_the_phone(make, rack):
    pbx = rack("esl")
    site = start(make, {"pbx-a": pbx})
    person(site, "li.na", device="1001")
    person(site, "wang.wei", device="1002")
    assert (agents(site)["li.na"]["device"], agents(site)["wang.wei"]["device"]) == ("1001", "1002")
    calls = iter(range(1, 100))

    def answers(device):
        call = f"{next(calls)}.1"
        pbx.ring(call, device, calling="13900139000")
        pbx.answer(call, device)
        row = call_until(site, "pbx-a", call, state="established")
        busy = {u for u, a in agents(site).items() if a["call_id"] == row["id"]}
        pbx.hang_up(call)
        call_until(site, "pbx-a", call, state="cleared")
        return row["agent"], busy

    assert answers("1001") == ("li.na", {"li.na"})
    token = sign_on(site, "li.na", "1003")  # she moves
    assert agents(site)["li.na"]["device"] == "1003"
    assert answers("1003") == ("li.na", {"li.na"}) and answers("1001") == (None, set())
    sign_on(site, "li.na", "1002")  # where wang.wei stands: who came last has the phone's calls
    assert answers("1002")[0] == "li.na"
    sign_on(site, "wang.wei", "1001")
    assert answers("1001") == ("wang.wei", {"wang.wei"}) and answers("1002") == ("li.na", {"li.na"})
    site.restart()
    steward.eventually(lambda: pbx.signed_in >= 2, "the link")
    until(site, "pbx-a", "up")
    assert (agents(site)["li.na"]["device"], agents(site)["wang.wei"]["device"]) == ("1002", "1001")
    token = sign_on(site, "li.na")
    assert site.request("DELETE", "/api/v1/session", token=token).status in (200, 204)
    assert site.get("/agents") and site.request("GET", "/api/v1/agents", token=token).status == 401


def test_a_call_stays_theirs_who_answered_it(make, rack):
    """Whoever signs on at the phone meanwhile has the next one."""
    pbx = rack("ami")
    site = start(make, {"pbx-a": pbx})
    person(site, "li.na", device="1001")
    person(site, "wang.wei", device="1002")
    pbx.ring("1.1")
    pbx.answer("1.1")
    call_until(site, "pbx-a", "1.1", state="established", agent="li.na")
    assert site.ticket(caller="+8613800138000")["responder"] == "li.na"
    sign_on(site, "wang.wei", "1001")
    pbx.hold("1.1")
    call_until(site, "pbx-a", "1.1", state="held")
    pbx.hang_up("1.1", by="1.1")
    assert call_until(site, "pbx-a", "1.1", state="cleared")["agent"] == "li.na"
    assert site.ticket(caller="+8613800138000")["responder"] == "li.na"


def told_pause(pbx, device, paused, reason=None):
    if pbx.kind == "ami":
        fields = {"Interface": f"PJSIP/{device}", "Paused": "true" if paused else "false"}
        return pbx.action("QueuePause", **fields, **({"Reason": reason} if reason else {}))
    return pbx.action(f"callcenter_config agent set status {device}@fs.local '{'On Break' if paused else 'Available'}'")


@KINDS
def test_ready_and_not_ready_both_ways(make, rack, kind):
    pbx = rack(kind)
    pbx.member("1001")
    pbx.member("1002")
    site = start(make, {"pbx-a": pbx})
    token, other = site.user("li.na", device="1001"), site.user("wang.wei", device="1002")
    boss = site.user("boss", role="supervisor")
    agent_until(site, "li.na", state="ready")
    phone = site.agent("1001", token=token)
    act = actions(phone)

    assert act("not_ready", reason="lunch")["ok"] is True  # the desk pauses in the PBX
    told_pause(pbx, "1001", True, "lunch")
    pbx.paused("1001", True, "lunch")
    assert agent_until(site, "li.na", state="not_ready")["reason"] == ("lunch" if kind == "ami" else "On Break")
    assert agents(site)["wang.wei"]["state"] == "ready"
    assert act("ready")["ok"] is True
    told_pause(pbx, "1001", False)
    pbx.paused("1001", False)
    assert agent_until(site, "li.na", state="ready")["reason"] is None

    pbx.paused("1001", True, "coffee")  # at the phone
    shown = agent_until(site, "li.na", state="not_ready")
    assert shown["reason"] == ("coffee" if kind == "ami" else "On Break") and shown["since"]
    pbx.paused("1001", False)
    agent_until(site, "li.na", state="ready")

    assert site.post("/agents/li.na/not_ready", {"reason": "meeting"}, token=token) == {"ok": True}
    told_pause(pbx, "1001", True, "meeting")
    assert site.request("POST", "/api/v1/agents/li.na/ready", {}, token=other).status == 403
    assert site.post("/agents/li.na/ready", token=boss) == {"ok": True}
    told_pause(pbx, "1001", False)
    assert site.request("POST", "/api/v1/agents/nobody/ready", {}, token=boss).status == 404
    assert site.request("POST", "/api/v1/agents/boss/ready", {}, token=boss).status == 409  # stands nowhere

    pbx.ring("1.1")
    pbx.answer("1.1")
    call = call_until(site, "pbx-a", "1.1", state="established")
    assert agent_until(site, "li.na", state="busy")["call_id"] == call["id"]
    pbx.hang_up("1.1", by="1.1-1001")
    assert agent_until(site, "li.na", state="ready")["call_id"] is None


def test_a_device_at_two_pbxs_is_as_the_last_one_said(make, rack):
    """Whatever their clocks say."""
    pbxs = {"pbx-a": rack("esl"), "pbx-b": rack("esl")}
    for name, pbx in pbxs.items():
        pbx.skew = 86400 if name == "pbx-b" else 0
        pbx.member("1001")
    site = start(make, pbxs)
    site.user("li.na", device="1001")
    for name in ("pbx-b", "pbx-a", "pbx-b", "pbx-a"):
        for paused, state in (True, "not_ready"), (False, "ready"):
            pbxs[name].paused("1001", paused)
            agent_until(site, "li.na", state=state)


def test_an_asterisk_device_in_several_queues(make, rack):
    """Each interface is paused; paused in one queue is not ready; out of all queues is logged off."""
    pbx = rack("ami")
    for queue in "service", "repairs":
        pbx.member("1001", queue)
    pbx.members.append({"Queue": "vip", "Location": "Local/1001@from-queue/n", "Paused": 0, "Status": 1})
    site = start(make, {"pbx-a": pbx})
    token = site.user("li.na", device="1001")
    agent_until(site, "li.na", state="ready")
    assert actions(site.agent("1001", token=token))("not_ready", reason="lunch")["ok"]
    interfaces = {pbx.action("QueuePause")["Interface"] for _ in range(2)}
    assert interfaces == {"PJSIP/1001", "Local/1001@from-queue/n"}
    member = {"Interface": "PJSIP/1001", "Status": 1}
    pbx.event("QueueMemberPause", Queue="repairs", Paused=1, PausedReason="training", **member)
    assert agent_until(site, "li.na", state="not_ready")["reason"] == "training"
    for queue in "service", "repairs":
        pbx.event("QueueMemberRemoved", Queue=queue, Paused=0, **member)
    agent_until(site, "li.na", state="ready")
    pbx.event("QueueMemberRemoved", Queue="vip", Interface="Local/1001@from-queue/n", Status=1)
    agent_until(site, "li.na", state="logged_off")
