"""Pops as softphones see them: who gets which, when it is updated, and how it ends."""
import itertools

import pytest

UNITS = "estate,building,unit,area_m2,delivered_on\n四季花城,3,1201,89,2019-05-01\n四季花城,3,1202,89,2019-05-01\n"
PERSONS = ("key,name,language,phones,emails,segment,flags,tier\n"
           "p1,王芳,zh-Hans,13800138000,,,elderly,gold\n"
           "p2,李强,zh-Hans,13900139000,,,,\n"
           "p3,Chan Tai Man,zh-Hant,13900139000;+85291234567,,,,\n"
           "p4,陈静,zh-Hans,13700137000,,,,\n")
TENURES = ("person_key,estate,building,unit,role,from,to\n"
           "p1,四季花城,3,1201,owner,2019-05-01,\n"
           "p2,四季花城,3,1201,family,2019-05-01,\n"
           "p3,四季花城,3,1202,tenant,2020-01-01,\n"
           "p4,四季花城,3,1202,tenant,2018-01-01,2019-12-31\n")

calls = (f"c.{n}" for n in itertools.count(1))


@pytest.fixture
def estate(site):
    site.owners(units=UNITS, persons=PERSONS, tenures=TENURES)
    return site


def pop_of(line, **fields):
    return line.expect("pop", **fields)


def test_the_card_comes_before_the_answer(estate):
    pbx, phone, other = estate.pbx(), estate.agent("1001"), estate.agent("1002")
    call = next(calls)
    pbx.ring(call, at="2026-11-22T08:15:30.123Z", queue="service")
    pop = pop_of(phone)
    assert {k: pop[k] for k in ("source", "call", "device", "at", "direction", "party", "calling", "calling_raw", "called",
                                "queue", "match", "update")} == {
        "source": "pbx-a", "call": call, "device": "1001", "at": "2026-11-22T08:15:30.123Z", "direction": "inbound",
        "party": "+8613800138000", "calling": "+8613800138000", "calling_raw": "13800138000", "called": "4008000",
        "queue": "service", "match": "one", "update": False}
    (owner,) = pop["owners"]
    assert owner["name"] == "王芳" and owner["certainty"] == "certain" and "1201" in owner["reason"]
    assert owner["tenures"][0]["role"] == "owner" and owner["flags"] == ["elderly"]
    assert isinstance(pop["advice"], list)
    pbx.sync()
    assert not [o for o in other.fence() if o["type"].startswith("pop")]


def test_every_connection_that_bears_the_device_gets_it(estate):
    pbx = estate.pbx()
    phones = [estate.agent("1001"), estate.agent("1001", name="second"), estate.agent("pbx-a/1001")]
    elsewhere = estate.agent("pbx-b/1001")
    call = next(calls)
    pbx.ring(call)
    for phone in phones:
        pop_of(phone, call=call)
    pbx.event("cleared", call, by="caller")
    for phone in phones:
        assert phone.expect("pop_end", call=call)["reason"] == "caller_left"
    pbx.sync()
    assert not [o for o in elsewhere.fence() if o["type"].startswith("pop")]


def test_a_phone_that_connects_while_it_rings_is_told(estate):
    pbx = estate.pbx()
    call = next(calls)
    pbx.ring(call)
    pbx.sync()
    phone = estate.agent("1001")
    pop_of(phone, call=call, update=False)
    pbx.event("cleared", call, by="caller")
    phone.expect("pop_end", call=call)


def test_ring_all(estate):
    pbx = estate.pbx()
    phones = {d: estate.agent(d) for d in ("1001", "1002", "1003")}
    call = next(calls)
    pbx.event("queued", call, direction="inbound", calling="13900139000", called="4008000", queue="service")
    for device in phones:
        pbx.event("delivered", call, device=device)
    for device, phone in phones.items():
        pop = pop_of(phone, device=device)
        assert pop["match"] == "many" and {o["name"] for o in pop["owners"]} == {"李强", "Chan Tai Man"}
        assert pop["queue"] == "service"
    pbx.event("diverted", call, device="1003", cause="no_answer")
    assert phones["1003"].expect("pop_end")["reason"] == "no_answer"
    pbx.event("established", call, device="1002")
    assert phones["1001"].expect("pop_end")["reason"] == "answered_elsewhere"
    pbx.event("cleared", call, by="agent")
    assert phones["1002"].expect("pop_end")["reason"] == "cleared"
    pbx.sync()
    for phone in phones.values():
        phone.fence()
        assert sum(o["type"] == "pop" for o in phone.seen) == 1
        assert sum(o["type"] == "pop_end" for o in phone.seen) == 1


@pytest.mark.parametrize("fields,match,party", [
    ({"calling": "13800138000", "presentation": "restricted"}, "withheld", None),
    ({"calling": "anonymous"}, "withheld", None),
    ({"calling": "13600136000"}, "none", "+8613600136000"),
    ({"calling": "+852 9123 4567"}, "one", "+85291234567"),
    ({"calling": "008613800138000"}, "one", "+8613800138000"),
    ({"calling": "95588"}, "none", None),
    ({}, "none", None),
])
def test_match(estate, fields, match, party):
    pbx, phone = estate.pbx(), estate.agent("1001")
    pbx.event("delivered", next(calls), direction="inbound", device="1001", **fields)
    pop = pop_of(phone)
    assert (pop["match"], pop["party"]) == (match, party)
    assert (pop["owners"] == []) == (match in ("withheld", "none"))
    if match == "withheld":
        assert pop["calling"] is None


def test_who_has_left_is_listed_but_not_counted(estate):
    pbx, phone = estate.pbx(), estate.agent("1001")
    pbx.ring(next(calls), calling="13700137000")
    pop = pop_of(phone)
    assert pop["match"] == "none" and [o["certainty"] for o in pop["owners"]] == ["former"]


def test_an_update_when_the_card_changes_and_only_then(estate):
    pbx, phone = estate.pbx(), estate.agent("1001")
    call = next(calls)
    pbx.ring(call)
    owner = pop_of(phone)["owners"][0]["id"]
    r = estate.request("PATCH", f"/api/v1/owners/{owner}", {"segment": "健康养老"})
    assert r.status == 200, r
    pop = pop_of(phone, call=call)
    assert pop["update"] is True and pop["owners"][0]["segment"] == "健康养老"
    assert pop["device"] == "1001" and pop["direction"] == "inbound"
    pbx.event("cleared", call, by="caller")
    phone.expect("pop_end")
    estate.request("PATCH", f"/api/v1/owners/{owner}", {"segment": "社会新锐"})
    phone.fence()
    assert sum(o["type"] == "pop" for o in phone.seen) == 2


def test_blind_transfer_takes_the_card_along(estate):
    pbx, first, second = estate.pbx(), estate.agent("1001"), estate.agent("1002")
    call = next(calls)
    pbx.answered(call)
    pop_of(first)
    pbx.event("transferred", call, device="1001", to="1002", kind="blind")
    assert first.expect("pop_end")["reason"] == "transferred"
    pbx.event("delivered", call, device="1002")
    assert pop_of(second)["party"] == "+8613800138000"
    pbx.event("established", call, device="1002")
    pbx.event("cleared", call, by="caller")
    assert second.expect("pop_end")["reason"] == "cleared"


def test_attended_transfer_moves_the_card_as_they_are_joined(estate):
    pbx, first, second = estate.pbx(), estate.agent("1001"), estate.agent("1002")
    call, consultation = next(calls), next(calls)
    pbx.answered(call)
    pop_of(first)
    pbx.event("held", call, device="1001")
    pbx.event("originated", consultation, direction="internal", calling="1001", called="1002", device="1001")
    pbx.event("delivered", consultation, device="1002")
    pbx.event("established", consultation, device="1002")
    pbx.sync()
    assert not [o for o in second.fence() if o["type"] == "pop"]
    pbx.event("transferred", call, device="1001", to="1002", kind="attended", other_call=consultation)
    assert first.expect("pop_end", call=call)["reason"] == "transferred"
    assert pop_of(second, call=call)["match"] == "one"
    pbx.event("cleared", call, by="caller")
    assert second.expect("pop_end", call=call)["reason"] == "cleared"


def test_a_dialled_owner_pops_too(estate):
    pbx, phone = estate.pbx(), estate.agent("1001")
    call = next(calls)
    pbx.event("originated", call, direction="outbound", calling="1001", called="13800138000", device="1001")
    pop = pop_of(phone)
    assert (pop["direction"], pop["party"], pop["calling"], pop["match"]) == ("outbound", "+8613800138000", None, "one")
    pbx.event("established", call, device="13800138000")
    pbx.event("cleared", call, by="caller")
    assert phone.expect("pop_end")["reason"] == "cleared"


def test_internal_calls_do_not_pop(estate):
    pbx, phone = estate.pbx(), estate.agent("1002")
    call = next(calls)
    pbx.event("originated", call, direction="internal", calling="1001", called="1002", device="1001")
    pbx.event("delivered", call, device="1002")
    pbx.sync()
    assert not [o for o in phone.fence() if o["type"].startswith("pop")]


def test_the_same_extension_of_two_pbxs_is_two_devices(estate):
    a, b = estate.pbx("pbx-a"), estate.pbx("pbx-b")
    at_a, at_b = estate.agent("pbx-a/1001"), estate.agent("pbx-b/1001")
    call = next(calls)
    a.ring(call)
    b.ring(call, calling="13600136000")
    assert pop_of(at_a)["party"] == "+8613800138000"
    assert pop_of(at_b)["party"] == "+8613600136000"
    a.event("cleared", call, by="caller")
    assert at_a.expect("pop_end")["source"] == "pbx-a"
    b.sync()
    assert not [o for o in at_b.fence() if o["type"] == "pop_end"]


def test_a_call_shorter_than_the_look_up_still_pops(site):
    """Ring, answer and end in one packet, for a caller whose card nobody has read yet."""
    phone, pbx = site.agent("1001"), site.pbx()
    first = pbx.seq
    lines = [{"type": "event", "seq": first + 1 + i, "event": event, "call": "brief", **fields} for i, (event, fields) in enumerate([
        ("delivered", {"device": "1001", "calling": "13512349876", "called": "4008000", "direction": "inbound"}),
        ("established", {"device": "1001"}), ("cleared", {"by": "caller"})])]
    pbx.send(*lines)
    assert phone.expect("pop", call="brief")["match"] == "none"
    assert phone.expect("pop_end", call="brief")["reason"] == "cleared"
    assert not [o for o in phone.fence() if o["type"] == "pop"]
