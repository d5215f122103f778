"""The day is the site's: cards, tickets and callbacks hold tenures against the same date, whatever UTC says."""
import datetime

import pytest
import steward

# zone, an hour of the last day of a tenure there, two hours into the next day (both in UTC)
DAYS = {
    "Shanghai": ("Asia/Shanghai", "2026-11-23", "2026-11-23T15:00:00Z", "2026-11-23T18:00:00Z"),
    "Auckland": ("Pacific/Auckland", "2026-11-23", "2026-11-23T10:30:00Z", "2026-11-23T13:00:00Z"),
    "New York": ("America/New_York", "2026-11-23", "2026-11-24T01:00:00Z", "2026-11-24T07:00:00Z"),
    "Berlin, into summer": ("Europe/Berlin", "2027-03-27", "2027-03-27T22:30:00Z", "2027-03-28T01:30:00Z"),
    "Berlin, out of summer": ("Europe/Berlin", "2027-10-31", "2027-10-31T22:30:00Z", "2027-11-01T00:30:00Z"),
}


def ms(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


@pytest.fixture(params=DAYS)
def house(request, make):
    """Li holds two homes, the second (with Wang) until the last day; Wang lives there alone after it."""
    zone, last, before, after = DAYS[request.param]
    site = make(frozen=True, start=False)
    site.config.write_text(site.config.read_text().replace("Asia/Shanghai", zone))
    assert f"timezone: {zone}" in site.config.read_text()
    site.frozen = ms(before)
    site.start()
    site.user("li.na", device="1001", display="李娜")
    site.user("zhao.lei", device="1002", display="赵磊")
    site.owners(
        units="estate,building,unit\n花城,3,1201\n花城,3,1202\n",
        persons="key,name,language,phones,consent\nP1,李强,zh-Hans,13800138000,sms;call\nP2,王芳,zh-Hans,13900139000,sms;call\n",
        tenures=f"person_key,estate,building,unit,role,from,to\nP1,花城,3,1201,owner,2019-05-01,\n"
                f"P1,花城,3,1202,owner,2019-05-01,{last}\nP2,花城,3,1202,owner,2019-05-01,\n")
    site.line = site.pbx("pbx-a")
    site.after = (ms(after) - ms(before)) / 1000
    return site


def call(site, name, calling, device="1001"):
    site.line.answered(name, device, calling=calling)
    site.line.event("cleared", name, by="caller")
    site.line.sync()


def lost(site, name, calling):
    site.line.ring(name, "1001", calling=calling)
    site.line.event("cleared", name, by="caller")
    site.line.sync()


def card_units(site):
    return [t["unit"] for t in site.get("/owners?phone=13800138000")["items"][0]["owner"]["tenures"]]


def test_on_the_last_day_the_home_is_theirs(house):
    call(house, "c1", "13900139000", "1002")
    assert len(card_units(house)) == 2
    call(house, "c2", "13800138000")
    tickets = house.get("/tickets")["items"]
    assert len(tickets) == 1 and len(tickets[0]["calls"]) == 2  # joined: the household's
    lost(house, "a1", "13900139000")
    call(house, "c3", "13800138000")
    assert [c["state"] for c in house.get("/callbacks")["items"]] == ["superseded"]


def test_two_hours_into_the_next_day_it_is_not(house):
    call(house, "c1", "13900139000", "1002")
    lost(house, "a1", "13900139000")
    house.advance(house.after)
    assert card_units(house) == ["花城 3-1201"]
    call(house, "c2", "13800138000")
    tickets = house.get("/tickets")["items"]
    assert len(tickets) == 2
    mine = next(t for t in tickets if t["caller"] == "+8613800138000")
    assert mine["unit"] == "1201"  # the only home that is left
    assert [c["state"] for c in house.get("/callbacks")["items"]] == ["waiting"]
