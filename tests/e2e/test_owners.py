"""Owners through the real doors: importing, finding people, changing them, cards on a ring."""
import json
import urllib.parse

import pytest

import steward

UNITS = "estate,building,unit,area_m2,delivered_on\n四季花城,3,1201,89.5,2019-01-01\n四季花城,3,1202,,\n"
PERSONS = ("key,name,language,phones,emails,segment,flags,tier\n"
           "p1,王芳,zh,13800138000;0755-28881234,wang@example.com,elderly,elderly,gold\n"
           "p2,李强,zh,13900000002,,,,\n"
           "p3,赵敏,zh,13900000003,,,,\n"
           "p4,钱多,zh,13900000003,,,,\n"
           "p5,Chan Tai Man,en,+852 9123 4567;13900000003,,,,\n")
TENURES = ("person_key,estate,building,unit,role,from,to\n"
           "p1,四季花城,3,1201,owner,2019-05-01,\n"
           "p2,四季花城,3,1201,family,,\n"
           "p3,四季花城,3,1202,tenant,2024-01-01,\n"
           "p4,四季花城,3,1202,owner,2019-05-01,2020-12-31\n"
           "p5,四季花城,3,1202,owner,2021-01-01,\n")
FILES = {"units": UNITS, "persons": PERSONS, "tenures": TENURES,
         "vehicles": "person_key,plate,space\np1,粤B12345,B2-118\n",
         "buildings": "estate,building,steward\n四季花城,3,sun.li\n"}


@pytest.fixture
def owned(site):
    """A started site with five people in two homes."""
    site.owners(**FILES)
    return site


def test_import_twice_changes_nothing(site):
    site.owners(**FILES)
    before = site.sql("SELECT * FROM person"), site.sql("SELECT * FROM tenure"), site.sql("SELECT * FROM phone")
    assert len(before[0]) == 5 and len(before[1]) == 5 and len(before[2]) == 7
    site.owners(**FILES)
    assert before == (site.sql("SELECT * FROM person"), site.sql("SELECT * FROM tenure"), site.sql("SELECT * FROM phone"))


def test_refused_rows_are_reported_and_the_rest_is_in(site, tmp_path):
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "units.csv").write_bytes("\ufeffestate,building,unit,area_m2,delivered_on\r\na,1,101,,\r\na,1,101,,\r\n".encode())
    (folder / "persons.csv").write_bytes(
        b'key,name,phones\np1,"Lee, ""Bruce""",13800138000\np1,Again,\np2,Bad phone,12\np3,\xff\xfe,\np4,"open,\np5,"two\nlines",\np6,Fine,\n')
    (folder / "tenures.csv").write_text(
        "person_key,estate,building,unit,role,from,to\np1,a,1,101,owner,,\np9,a,1,101,owner,,\np1,a,1,999,owner,,\n"
        "p1,a,1,101,king,,\np6,a,1,101,tenant,2026-02-30,\n")
    want = ["units.csv:3:", "persons.csv:3:", "persons.csv:4:", "persons.csv:5:", "persons.csv:6:", "persons.csv:7:",
            "tenures.csv:3:", "tenures.csv:4:", "tenures.csv:5:", "tenures.csv:6:"]
    for dry_run in (True, False):
        done = site.ctl("import", folder, *(["--dry-run"] if dry_run else []), ok=False)
        assert done.returncode == 1, done
        text = done.stdout + done.stderr
        for place in want:
            assert place in text, (place, text)
        assert len(site.sql("SELECT id FROM person")) == (0 if dry_run else 2)
    names = [r["name"] for r in site.sql("SELECT name FROM person ORDER BY id")]
    assert names == ['Lee, "Bruce"', "Fine"]


def test_a_folder_that_is_not_there(site):
    done = site.ctl("import", "/no/such/folder", ok=False)
    assert done.returncode == 1 and "/no/such/folder" in done.stderr


@pytest.mark.parametrize("number, match, people", [
    ("13800138000", "one", [("王芳", "certain", "mobile of the owner of 四季花城 3-1201")]),
    ("+86 755 2888 1234", "one", [("王芳", "certain", "landline of the owner of 四季花城 3-1201")]),
    ("13900000003", "many", [("Chan Tai Man", "certain", "mobile of the owner of 四季花城 3-1202"),
                             ("赵敏", "certain", "mobile of the tenant of 四季花城 3-1202"),
                             ("钱多", "former", "mobile of the former owner of 四季花城 3-1202")]),
    ("13700000000", "none", []),
])
def test_who_a_number_is(owned, number, match, people):
    answer = owned.get("/owners?phone=" + number.replace("+", "%2B").replace(" ", "%20"))
    assert answer["match"] == match
    assert [(i["owner"]["name"], i["certainty"], i["reason"]) for i in answer["items"]] == people


def test_the_card_of_the_contract(owned):
    card = owned.get("/owners?phone=13800138000")["items"][0]["owner"]
    assert card == {
        "id": card["id"], "name": "王芳", "language": "zh-Hans", "phone_label": "mobile",
        "tenures": [{"unit_id": 1, "unit": "四季花城 3-1201", "role": "owner", "since": "2019-05-01"}],
        "household": [{"id": card["id"] + 1, "name": "李强", "role": "family"}],
        "vehicles": [{"plate": "粤B12345", "space": "B2-118"}], "membership": {"tier": "gold", "since": None},
        "segment": "elderly", "flags": ["elderly"], "steward": {"user": "sun.li", "name": "sun.li"},
        "consent": {"sms": True, "email": True, "call": True, "marketing": False},
        "open_tickets": [], "recent": [], "satisfaction": None}
    whole = owned.get(f"/owners/{card['id']}")
    assert whole["phones"] == ["+8613800138000", "+8675528881234"]
    assert whole["emails"] == ["wang@example.com"] and whole["version"] >= 1


@pytest.mark.parametrize("text, names", [
    ("王芳", ["王芳"]), ("wf", ["王芳"]), ("8000", ["王芳"]), ("粤B123", ["王芳"]), ("chan", ["Chan Tai Man"]),
    ("3栋1201", ["王芳", "李强"]), ("3-1202 赵", ["赵敏"]), ("nobody", []),
])
def test_finding(owned, text, names):
    path = "/owners?q=" + urllib.parse.quote(text)
    steward.eventually(lambda: [i["name"] for i in owned.get(path)["items"]] == names, f"{text} finds {names}")
    done = owned.ctl("--json", "owner", "find", text)
    assert [name for name in names if name not in done.stdout] == []


def test_adding_and_changing(owned):
    new = owned.post("/owners", {"name": "何伟", "phones": ["13700000001"],
                                 "tenures": [{"unit_id": 1, "role": "tenant", "from": "2026-01-01"}]}, status=201)
    assert new["version"] == 1 and new["phones"] == ["+8613700000001"]
    path = f"/api/v1/owners/{new['id']}"
    stale = owned.request("PATCH", path, {"name": "何小伟"}, headers={"If-Match": '"7"'})
    assert stale.status == 412, stale
    done = owned.request("PATCH", path, {"name": "何小伟", "consent": {"sms": False}}, headers={"If-Match": '"1"'})
    assert done.status == 200 and done.json["version"] == 2 and done.json["consent"]["sms"] is False
    for body, field in (({"phones": ["12"]}, "phones"), ({"nmae": "x"}, "nmae"), ({"tenures": [{"unit_id": 99, "role": "owner"}]}, "tenures")):
        wrong = owned.request("PATCH", path, body)
        assert wrong.status == 422 and field in json.dumps(wrong.json), wrong
    assert owned.request("PATCH", "/api/v1/owners/9999", {"name": "x"}).status == 404
    assert owned.get(f"/owners/{new['id']}")["name"] == "何小伟"


def test_a_change_reaches_the_ringing_phone(owned):
    """The pop comes from the cache; a changed card is sent again as an update, a same one is not."""
    desk, pbx = owned.agent(), owned.pbx()
    pbx.ring("c1")
    pop = desk.expect("pop", update=False)
    assert pop["match"] == "one" and pop["owners"][0]["name"] == "王芳"
    person = pop["owners"][0]["id"]
    owned.request("PATCH", f"/api/v1/owners/{person}", {"tier": "silver"})
    update = desk.expect("pop", update=True)
    assert update["owners"][0]["membership"]["tier"] == "silver"


def test_units_and_estates(owned):
    units = owned.get("/units?limit=1")
    assert units["items"][0]["name"] == "四季花城 3-1201" and units["items"][0]["area_m2"] == 89.5
    rest = owned.get(f"/units?limit=1&cursor={units['next']}")
    assert [u["unit"] for u in rest["items"]] == ["1202"] and rest["next"] is None
    one = owned.get("/units/1")
    assert [t["name"] for t in one["tenures"]] == ["王芳", "李强"]
    assert owned.get("/estates")["items"][0]["buildings"][0]["units"] == 2
    assert owned.request("GET", "/api/v1/units/99").status == 404


def test_import_over_http(site):
    answer = site.request("POST", "/api/v1/import?file=persons.csv&line=5001", raw="key,name\np1,A\np2,\n".encode(),
                          headers={"Content-Type": "text/csv"})
    assert answer.status == 202, answer
    job = steward.eventually(lambda: (j := site.get("/import/" + answer.json["id"]))["state"] != "running" and j, "the import's end")
    assert job["refused"] == [{"file": "persons.csv", "line": 5002, "reason": "name: is empty"}]
    assert site.sql("SELECT name FROM person") == [{"name": "A"}]
    refused = site.request("POST", "/api/v1/import", {"dir": "/etc"})
    assert refused.status == 403, "folders are for the control socket"
    assert site.request("POST", "/api/v1/import?file=passwd.csv", raw=b"x", headers={"Content-Type": "text/csv"}).status == 422


def test_a_spreadsheet_from_china(site):
    """GBK, a rounded number, a plate with a dot: over the socket and, in pieces, over the network."""
    folder = site.folder / "gbk"
    folder.mkdir()
    (folder / "persons.csv").write_bytes("key,name,phones\np1,王芳,13800138000\np2,李强,1.38E+10\n,,\n".encode("gb18030"))
    (folder / "vehicles.csv").write_bytes("person_key,plate,space\np1,粤B·12345,B2-118\n".encode("gbk"))
    done = site.ctl("import", folder, ok=False)
    assert done.returncode == 1 and "persons.csv:3: phones: '1.38E+10'" in done.stdout
    assert "GB18030" in done.stderr
    card = site.get("/owners?phone=13800138000")["items"][0]["owner"]
    assert card["name"] == "王芳" and card["vehicles"] == [{"plate": "粤B12345", "space": "B2-118"}]
    for q in ("粤B·12345", "粤b-12345", "粤B 12345"):
        steward.eventually(lambda: [o["name"] for o in site.get("/owners?q=" + urllib.parse.quote(q))["items"]] == ["王芳"], q)
    (folder / "persons.csv").write_bytes("key,name,phones\np1,王小芳,13800138000\n".encode("gb18030"))
    sent = site.ctl("--url", f"http://127.0.0.1:{site.http_port}", "--token", steward.TOKEN, "import", folder)
    assert "is sent as UTF-8" in sent.stderr
    assert site.get("/owners?phone=13800138000")["items"][0]["owner"]["name"] == "王小芳"


def test_a_slip_in_a_header_reads_nothing(site):
    folder = site.folder / "slip"
    folder.mkdir()
    (folder / "persons.csv").write_text("key,name,phone\np1,王芳,13800138000\n")
    done = site.ctl("import", folder, ok=False)
    assert done.returncode == 1 and "unknown column 'phone' (did you mean 'phones'?)" in done.stdout
    assert site.get("/owners?q=" + urllib.parse.quote("王芳"))["items"] == []
