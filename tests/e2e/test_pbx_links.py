"""Links to an Asterisk that go wrong: lost with calls on them, with too few rights, in a new life of the PBX."""
import re

import pytest

import steward
from manager import Direct, Manager


@pytest.fixture
def pbx(make):
    """pbx(**how) -> (site, manager): one source named pbx-a, up."""
    made = []

    def start(instance=None, **how):
        manager, site = Manager(**how), make(start=False)
        made.append(manager)
        site.plugin("pbx-a", manager.instance("pbx-a", **(instance or {})))
        site.start()
        manager.up(site, "pbx-a")
        return site, manager

    yield start
    for manager in made:
        manager.close()


def calls(site):
    return sorted(site.get("/calls?source=pbx-a")["items"], key=lambda c: c["id"])


def state(site, n, want):
    return steward.eventually(lambda: len(calls(site)) == n and calls(site)[-1]["state"] == want and calls(site), f"{n} calls, the last {want}")


def gaps(site):
    return int(re.search(r'^steward_source_gaps_total\{source="pbx-a"\} (\d+)', site.request("GET", "/metrics").body, re.M)[1])


def again(site, manager):
    """The link is lost, and comes back."""
    signed = len([a for a in manager.actions if a["Action"] == "Login"])
    manager.hang_up()
    steward.eventually(lambda: len([a for a in manager.actions if a["Action"] == "Login"]) > signed, "a second sign-in")
    manager.up(site, "pbx-a")


def test_call_lives_through(pbx):
    """The PBX stays up, and so does the call; what happened meanwhile is not known, and it says so."""
    site, manager = pbx(booted=443)
    call, other = Direct(), Direct("2.1", "2.2", "13900139000", "1002")
    manager.say(*call.ring(), *call.answer(), *other.ring(), *other.answer())
    state(site, 2, "established")
    assert not any(c["gap"] for c in calls(site)) and gaps(site) == 0
    manager.lists["CoreShowChannels"] = call.rows()
    again(site, manager)
    steward.eventually(lambda: calls(site)[1]["state"] == "cleared", "the end of the other")
    lives, gone = calls(site)
    assert lives["state"] == "established" and lives["gap"] and lives["device"] == "1001"
    assert gone["state"] == "cleared" and gone["gap"] and gone["disposition"] == "answered"
    assert gaps(site) == 1
    manager.say(*call.end())
    ended = state(site, 2, "cleared")[0]
    steward.eventually(lambda: calls(site)[0]["state"] == "cleared", "its end")
    ended = calls(site)[0]
    assert ended["gap"] and ended["hung_up_by"] == "caller" and ended["disposition"] == "answered"


def test_steward_restarts(pbx):
    """A call that lives while steward does not is marked, too."""
    site, manager = pbx(booted=443)
    call = Direct()
    manager.say(*call.ring(), *call.answer())
    state(site, 1, "established")
    site.stop()
    manager.lists["CoreShowChannels"] = call.rows()
    site.start()
    manager.up(site, "pbx-a")
    [row] = calls(site)
    assert row["state"] == "established" and row["gap"]


@pytest.mark.parametrize("how", ["started", "uptime", "numbers", "lists", "idle"])
def test_new_life(pbx, how):
    """The PBX died with a call on it and counts its channels from the beginning: two calls of one name."""
    nothing = ["CoreStatus", "CoreShowChannels", "Status"]
    denied = {"started": [], "lists": [], "uptime": ["CoreStatus"], "numbers": nothing, "idle": nothing}[how]
    site, manager = pbx(denied=denied, booted=443)
    call = Direct()
    manager.say(*call.ring(), *call.answer())
    state(site, 1, "established")
    if how == "started":
        manager.started = "2026-11-23"
    if how == "idle":  # all that is known: the queue has nothing for this phone
        manager.lists["QueueStatus"] = ["Queue: a\r\nLocation: PJSIP/1001\r\nStatus: 1\r\n"]
    manager.booted = {"uptime": 0, "numbers": None}.get(how, 443)
    again(site, manager)
    if how != "numbers":
        state(site, 1, "cleared")
    manager.say(*call.ring())
    old, new = state(site, 2, "delivered")
    assert old["state"] == "cleared" and old["gap"] and old["disposition"] == "answered"
    assert not new["gap"] and new["answered_at"] is None
    manager.say(*call.answer(), *call.end())
    old, new = state(site, 2, "cleared")
    assert new["disposition"] == "answered" and new["hung_up_by"] == "caller" and not new["gap"] and new["call"] == call.id


def test_few_rights(pbx):
    """The missing class, and what will not work, is named in the log, by /sources and by /readyz."""
    site, manager = pbx(instance={"ping": "1s"}, denied=["CoreStatus", "CoreShowChannels", "Status", "QueuePause"],
                        commands="Ping: Keepalive\r\nQueuePause: Pause  (Priv: agent,all)\r\nHangup: x\r\nBlindTransfer: x\r\nPark: x\r\n")
    error = steward.eventually(lambda: "read=system" in (manager.source(site, "pbx-a")["error"] or "") and manager.source(site, "pbx-a")["error"],
                               "the missing read class")
    for text in ("write=originate (no dialling)", "write=system or reporting (restarts noticed late)", "no snapshot of calls"):
        assert text in error, error
    source = manager.source(site, "pbx-a")
    assert source["state"] == "up" and "dial" not in source["can"] and "hangup" in source["can"]
    ready = site.request("GET", "/readyz").json
    assert ready["status"] == "ok" and ready["checks"]["source:pbx-a"]["detail"] == error
    site.logged(r"lacks the write class originate \(manager\.conf\)")
    site.logged("lacks the read class system")
    site.user("li.na", device="1001")
    refused = site.request("POST", "/api/v1/agents/li.na/not_ready", {"reason": "lunch"})
    assert refused.status >= 400 and "write class agent" in str(refused.json)
    steward.eventually(lambda: "write=agent (no pausing of agents)" in manager.source(site, "pbx-a")["error"], "what was refused")


def test_deaf(pbx):
    """Channels are there, and no event told of them."""
    site, manager = pbx(instance={"ping": "1s"}, booted=443)
    manager.lists["CoreShowChannels"] = Direct().rows()
    error = steward.eventually(lambda: manager.source(site, "pbx-a")["error"], "the missing class")
    assert error == "lacks in manager.conf: read=call (no call is seen)" and not calls(site)
