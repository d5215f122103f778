"""Calls that steward dials: the agent's phone first, then the owner; what came of it; what it does for a callback."""
import pytest

import steward
from pbxs import call_until, rack, start  # noqa: F401 (rack is a fixture)

KINDS = pytest.mark.parametrize("kind", ["ami", "esl"])
OWNER, SHOWN = "13800138000", "075526888888"


@pytest.fixture
def desk(make, rack):
    """desk(kind) -> (site, PBX, li.na's token, her softphone at 1001)."""
    def new(kind):
        pbx = rack(kind)
        site = start(make, {"pbx-a": pbx}, before=lambda s: s.section(
            "numbering", f'\n  country: CN\n  area_code: "755"\n  outbound_number: "{SHOWN}"'))
        steward.sample_owners(site)
        token = site.user("li.na", device="1001")
        return site, pbx, token, site.agent("1001", token=token)
    return new


def dial(site, pbx, token, number=OWNER):
    """... and the agent's phone rings; (call, what the PBX was asked)."""
    assert site.post("/calls", {"number": number}, token=token) == {"ok": True}
    call, device, dialled, asked = pbx.dialled()
    assert device == "1001" and dialled.endswith(number)
    pbx.agent_rings(call, device)
    return call, dialled, asked


def callback(site):
    (row,) = site.get("/callbacks")["items"]
    return row


@KINDS
def test_an_answered_owner_ends_the_callback(desk, kind):
    site, pbx, token, phone = desk(kind)
    pbx.ring("1.1", calling=OWNER)
    assert phone.expect("pop")["owners"][0]["name"] == "王芳"
    pbx.hang_up("1.1", by="1.1")
    missed = call_until(site, "pbx-a", "1.1", state="cleared", disposition="missed", hung_up_by="caller")
    row = steward.eventually(lambda: site.get("/callbacks")["items"], "a callback")[0]
    assert (row["calls"], row["number"], row["state"], row["attempts"]) == ([missed["id"]], "+8613800138000", "waiting", 0)

    call, dialled, asked = dial(site, pbx, token)
    shown = asked["CallerID"] if kind == "ami" else asked["origination_caller_id_name"] + asked["origination_caller_id_number"]
    assert "王芳" in shown and SHOWN in shown and OWNER not in shown  # the agent's phone shows who it will be
    if kind == "esl":  # what the owner sees; an Asterisk passes on its caller id
        assert asked["effective_caller_id_number"] == SHOWN
    pop = phone.expect("pop", call=call)
    assert (pop["direction"], pop["party"], pop["match"], pop["owners"][0]["name"]) == ("outbound", "+8613800138000", "one", "王芳")
    pbx.agent_picks_up(call, dialled)
    pbx.owner_is_busy(call, dialled)
    assert phone.expect("pop_end", call=call)["reason"]
    assert call_until(site, "pbx-a", call, state="cleared")["disposition"] == "busy"
    steward.eventually(lambda: callback(site)["attempts"] == 1, "the attempt counted")
    assert callback(site)["state"] == "waiting"

    call, dialled, asked = dial(site, pbx, token)
    phone.expect("pop", call=call)
    pbx.agent_picks_up(call, dialled)
    pbx.owner_answers(call, dialled)
    row = call_until(site, "pbx-a", call, state="established")
    assert (row["direction"], row["party"], row["device"], row["agent"]) == ("outbound", "+8613800138000", "1001", "li.na")
    while phone.expect("callback")["data"]["state"] != "done":
        pass
    assert callback(site)["state"] == "done"
    pbx.hang_up(call, by=call)
    assert phone.expect("pop_end", call=call)["reason"] == "cleared"
    row = call_until(site, "pbx-a", call, state="cleared")
    assert (row["disposition"], row["hung_up_by"]) == ("answered", "agent")
    assert row["talk_s"] is not None and row["wait_s"] >= 0


def agent_gives_up(pbx, call, number):
    pbx.hang_up(call, by=call)


OUTCOMES = [("owner_is_busy", "busy", "system"), ("nobody_answers", "missed", "system"), ("agent_gives_up", "missed", "agent")]


@KINDS
def test_what_came_of_it_comes_as_events(desk, kind):
    """To the agent's phone, to monitors, and to the desk."""
    site, pbx, token, phone = desk(kind)
    wall, desk_events = site.monitor(), site.events(token=token)
    for what, disposition, by in OUTCOMES:
        call, dialled, _ = dial(site, pbx, token)
        pbx.agent_picks_up(call, dialled)
        phone.expect("pop", call=call)
        getattr(pbx, what, lambda *a: agent_gives_up(pbx, *a))(call, dialled)
        assert phone.expect("pop_end", call=call)["reason"]
        for line in phone, wall:
            while (data := line.expect("call")["data"])["call"] != call or data["state"] != "cleared":
                pass
            assert (data["disposition"], data["hung_up_by"], data["answered_at"]) == (disposition, by, None), (what, data)
        assert desk_events.next("call", call=call, state="cleared")[1]["disposition"] == disposition
    desk_events.close()


# The agent's own phone: what the PBX says of it, and what it comes to.
PHONE = {"ami": [("no answer", 3, "missed"), ("busy", 5, "busy"), ("not there", 0, "failed")],
         "esl": [("no answer", "NO_ANSWER", "missed"), ("busy", "USER_BUSY", "busy"), ("not there", "USER_NOT_REGISTERED", "failed")]}


@KINDS
def test_a_phone_that_cannot_be_reached(desk, kind):
    """No channel was ever made: the answer to the dial tells."""
    site, pbx, token, phone = desk(kind)
    for what, reason, disposition in PHONE[kind]:
        assert site.post("/calls", {"number": OWNER}, token=token) == {"ok": True}
        call, _, _, asked = pbx.dialled()
        if kind == "ami":
            pbx.event("OriginateResponse", ActionID=asked["ActionID"], Response="Failure", Channel="PJSIP/1001", Reason=reason,
                      Uniqueid="<unknown>")
        else:
            pbx.job_done(pbx.dial_job, f"-ERR {reason}")
        row = call_until(site, "pbx-a", call, state="cleared")
        assert (row["direction"], row["disposition"], row["party"]) == ("outbound", disposition, "+8613800138000"), (what, row)


@KINDS
def test_numbers_are_dialled_as_the_pbx_wants_them(desk, kind):
    """A colleague as they are; a mobile of elsewhere and other countries with their prefixes; nonsense not at all."""
    site, pbx, token, phone = desk(kind)
    for number, wants in ("1002", "1002"), ("+85291234567", "0085291234567"), ("075526881234", "26881234"), ("*98", "*98"):
        site.post("/calls", {"number": number}, token=token)
        dialled = pbx.dialled()[2]
        assert dialled.endswith(wants), (number, dialled)
    for number in "; DROP", "1\r\nAction: Logoff", "":
        assert site.request("POST", "/api/v1/calls", {"number": number}, token=token).status == 422
