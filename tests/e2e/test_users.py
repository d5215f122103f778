"""Accounts over their whole life: added, shown, changed, disabled, enabled again."""
import pytest
import steward


@pytest.fixture
def office(make):
    site = make(start=False)
    site.section("departments", "\n  engineering: {name: {zh: 工程部, en: Engineering}}\n  security: {name: {zh: 秩序部, en: Security}}\n")
    site.start()
    return site


def patch(site, name, **fields):
    return site.request("PATCH", f"/api/v1/users/{name}", fields)


def test_a_person_is_changed_and_stays_who_they_are(office):
    token = office.user("li.na", device="1001", display="李娜", phone="13600136001")
    office.ctl("user", "set", "li.na", "--role", "supervisor", "--department", "engineering", "--email", "li@example.com")
    shown = office.get("/users/li.na")
    assert (shown["role"], shown["department"], shown["email"]) == ("supervisor", "engineering", "li@example.com")
    assert (shown["display"], shown["device"], shown["disabled"]) == ("李娜", "1001", False)
    assert office.get("/callbacks", token=token)["items"] == []  # the token is as good as before
    cleared = patch(office, "li.na", phone="", department="").json
    assert (cleared["phone"], cleared["department"]) == (None, None)
    assert "li@example.com" in office.ctl("user", "show", "li.na").stdout
    office.restart()
    assert office.get("/users/li.na") == cleared
    assert [a["what"] for a in office.get("/audit?object=li.na")["items"]].count("user.change") == 2


@pytest.mark.parametrize("fields, field", [
    ({"role": "king"}, "role"), ({"department": "enginering"}, "department"), ({"phone": "12"}, "phone"),
    ({"email": "nobody"}, "email"), ({"device": "a b"}, "device"), ({"enabled": "yes"}, "enabled")])
def test_a_change_that_makes_no_sense_is_refused(office, fields, field):
    office.user("li.na")
    refused = patch(office, "li.na", **fields)
    assert refused.status == 422 and refused.json["field"] == field


def test_a_department_is_one_of_the_configuration(office):
    refused = office.request("POST", "/api/v1/users", {"name": "wu.min", "role": "department", "department": "enginering"})
    assert refused.status == 422 and refused.json["field"] == "department"
    assert "did you mean 'engineering'" in refused.json["detail"]
    assert office.ctl("user", "add", "wu.min", "--role", "department", "--department", "garden", ok=False).returncode != 0
    assert office.ctl("user", "add", "wu.min", "--role", "department", "--department", "security").returncode == 0


def test_a_disabled_name_comes_back(office):
    old = office.user("li.na", device="1001")
    office.ctl("user", "disable", "li.na")
    assert office.request("GET", "/api/v1/callbacks", token=old).status == 401
    again = office.request("POST", "/api/v1/users", {"name": "li.na", "role": "agent"})
    assert again.status == 409 and "disabled" in again.json["detail"]
    office.ctl("user", "enable", "li.na")
    assert office.get("/users/li.na")["disabled"] is False
    assert office.request("GET", "/api/v1/callbacks", token=old).status == 401  # tokens stay revoked
    new = office.ctl("token", "add", "--user", "li.na").stdout.strip()
    assert office.get("/callbacks", token=new)["items"] == []
    assert office.request("POST", "/api/v1/users/li.na/enable", {}).status == 409
    assert patch(office, "li.na", enabled=False, display="Li Na").json["disabled"] is True
    assert patch(office, "li.na", enabled=False).status == 200  # as it is
    back = patch(office, "li.na", enabled=True, display="李娜").json
    assert (back["disabled"], back["display"]) == (False, "李娜")
    assert patch(office, "nobody", display="x").status == 404
    assert office.request("GET", "/api/v1/users/nobody").status == 404
    assert office.request("POST", "/api/v1/users/nobody/enable", {}).status == 404


def test_only_an_admin_changes_accounts(office):
    agent = office.user("li.na")
    for method, path, body in (("PATCH", "li.na", {"role": "admin"}), ("GET", "li.na", None), ("POST", "li.na/enable", {})):
        assert office.request(method, f"/api/v1/users/{path}", body, token=agent).status == 403
