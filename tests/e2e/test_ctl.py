"""stewardctl as scripts use it: verbs, --json, --url, exit codes."""
import json
import re
import sqlite3
import subprocess

import pytest

import steward


def test_init_writes_a_site_that_scripts_can_edit(tmp_path):
    folder = tmp_path / "deep" / "site"
    folder.mkdir(parents=True)  # an existing empty folder is fine
    run = [str(steward.BIN / "stewardctl"), "init", str(folder), "--line", "127.0.0.1:1", "--http", "127.0.0.1:2",
           "--token", "dev-token"]
    assert subprocess.run(run, capture_output=True).returncode == 0
    text = (folder / "steward.yaml").read_text()
    sections = re.findall(r"^(\w+):", text, re.M)
    assert len(sections) == len(set(sections)), "each section once"
    assert {"site", "store", "listen", "departments", "categories", "policies", "tickets", "messages"} <= set(sections)
    assert re.search(r"^tickets:\n  open_on: answered$", text, re.M)
    assert re.search(r"^messages:\n  sms:\n    gateway: sms\n  email:\n    gateway: mail$", text, re.M)
    assert "{" not in re.sub(r"#.*", "", text), "block style"
    assert not list((folder / "plugins.d").iterdir())
    assert (folder / "dev.token").stat().st_mode & 0o077 == 0
    again = subprocess.run(run, capture_output=True, text=True)
    assert again.returncode == 1 and "there already" in again.stderr
    assert (folder / "steward.yaml").read_text() == text


@pytest.mark.parametrize("args, code", [
    ([], 2), (["--help"], 0), (["nothing"], 2), (["ticket"], 2), (["ticket", "--help"], 0), (["ticket", "claim"], 2),
    (["ticket", "claim", "--help"], 0), (["user", "add", "x"], 2), (["ticket", "list", "--colour", "red"], 2),
    (["init"], 2), (["--url"], 2), (["-V"], 0), (["help", "backup"], 0), (["token", "add"], 2),
    (["-c", "/nowhere.yaml", "ticket", "list"], 1), (["--url", "http://127.0.0.1:1", "ticket", "list"], 1),
    (["--url", "ftp://x", "ticket", "list"], 1), (["init", ""], 1), (["init", "/dev/null/x"], 1),
    (["init", "d", "--line", "127.0.0.1:7070", "--http", "127.0.0.1:7070"], 2), (["init", "d", "--line", "nonsense"], 2),
])
def test_usage(args, code, tmp_path):
    done = subprocess.run([str(steward.BIN / "stewardctl"), *args], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == code, done
    assert done.stdout or done.stderr


def test_people_and_tokens(site):
    site.ctl("user", "add", "li.na", "--role", "agent", "--device", "1001", "--display", "李娜", "--password-stdin",
             stdin="correct horse\n")
    again = site.ctl("user", "add", "li.na", "--role", "agent", ok=False)
    assert again.returncode == 1 and "li.na" in again.stderr
    assert site.ctl("user", "add", "x", "--role", "king", ok=False).returncode == 1
    agents = site.ctl("agent", "list").stdout
    assert "李娜" in agents and "1001" in agents
    session = site.request("POST", "/api/v1/session", {"user": "li.na", "password": "correct horse"}, token=None)
    assert session.status == 200, session

    token = site.ctl("token", "add", "--user", "li.na").stdout
    assert re.fullmatch(r"\S{20,}\n", token), "the token alone"
    token = token.strip()
    assert site.request("GET", "/api/v1/tickets", token=token).status == 200
    site.ctl("token", "revoke", token)
    assert site.request("GET", "/api/v1/tickets", token=token).status == 401
    lost = site.ctl("token", "add", "--user", "li.na").stdout.strip()
    listed = json.loads(site.ctl("token", "list", "--of", "li.na", "--json").stdout)["items"]
    assert [(t["account"], t["purpose"], t["kind"]) for t in listed] == [("li.na", "session", "person"), ("li.na", "token", "person")]
    assert lost not in site.ctl("token", "list").stdout
    site.ctl("token", "revoke", "--id", listed[1]["id"])
    assert site.request("GET", "/api/v1/tickets", token=lost).status == 401
    assert site.ctl("token", "revoke", "--id", listed[1]["id"], ok=False).returncode == 1
    assert site.ctl("token", "revoke", ok=False).returncode == 1
    for kind in ("pbx", "monitor", "integration"):
        assert site.ctl("token", "add", f"--{kind}", f"{kind}-1").stdout.strip()
    assert site.ctl("token", "add", "--user", "nobody", ok=False).returncode == 1
    site.ctl("user", "disable", "li.na")
    assert site.request("POST", "/api/v1/session", {"user": "li.na", "password": "correct horse"}, token=None).status == 401


def test_url_and_token_before_or_after(site):
    url = f"http://127.0.0.1:{site.http_port}"
    for args in (["--url", url, "--token", steward.TOKEN, "ticket", "list", "--json"],
                 ["ticket", "list", "--json", f"--url={url}", "--token", steward.TOKEN]):
        assert json.loads(site.ctl(*args, offline=True).stdout) == {"items": [], "next": None}
    wrong = site.ctl("ticket", "list", "--url", url, "--token", "wrong", offline=True, ok=False)
    assert wrong.returncode == 1 and "401" in wrong.stderr


def test_tickets_by_hand(site):
    token = site.user("li.na", device="1001")
    me = ("--url", f"http://127.0.0.1:{site.http_port}", "--token", token)
    ticket = json.loads(site.ctl("ticket", "open", "--take", "--json", "厨房漏水", *me, offline=True).stdout)
    assert ticket["responder"] == "li.na" and ticket["subject"] == "厨房漏水"
    number = ticket["id"][2:].lstrip("0")
    site.ctl("ticket", "note", number, "rang", "twice", *me, offline=True)
    assert "厨房漏水" in site.ctl("ticket", "list").stdout
    assert "noted" in site.ctl("ticket", "timeline", number).stdout
    site.ctl("ticket", "resolve", number, "--told", "--satisfied", "yes", "--score", "5", *me, offline=True)
    refused = site.ctl("ticket", "claim", number, *me, offline=True, ok=False)
    assert refused.returncode == 1 and "409" in refused.stderr
    assert site.ctl("ticket", "show", "999", ok=False).returncode == 1
    assert "ok" in site.ctl("audit", "verify").stdout


def test_every_list_speaks_json(site):
    for verb in ("ticket", "call", "callback", "message", "agent", "source", "plugin", "user", "department", "audit"):
        assert json.loads(site.ctl(verb, "list", "--json").stdout)["items"] is not None, verb
        site.ctl(verb, "list")
    for verb in ("doctor", "reload", "audit verify", "config show"):
        assert isinstance(json.loads(site.ctl(*verb.split(), "--json").stdout), dict), verb


def test_import_reports_what_it_refused(site):
    site.owners(units=steward.UNITS)
    folder = site.folder / "csv"
    (folder / "persons.csv").write_text("key,name,language,phones,emails,segment,flags,tier\n"
                                        "p1,王芳,zh-Hans,13800138000,,,,\np1,王芳,zh-Hans,13800138000,,,,\n"
                                        ",nobody,zh-Hans,13800138001,,,,\n", encoding="utf-8")
    dry = site.ctl("import", folder, "--dry-run", ok=False)
    assert dry.returncode == 1
    assert "王芳" not in site.ctl("owner", "find", "王芳").stdout
    done = site.ctl("import", folder, ok=False)
    assert done.returncode == 1 and re.search(r"^persons\.csv:4: ", done.stdout, re.M), done
    found = steward.eventually(lambda: "王芳" in site.ctl("owner", "find", "王芳").stdout, "the owner by name")
    assert found
    url = ("--url", f"http://127.0.0.1:{site.http_port}", "--token", steward.TOKEN)
    report = json.loads(site.ctl("import", folder, "--json", *url, offline=True, ok=False).stdout)
    assert report["refused_total"] >= 1 and report["refused"][0]["file"] == "persons.csv"
    assert site.ctl("import", site.folder / "nowhere", ok=False).returncode == 1


def test_backup_is_a_database(site, tmp_path):
    file = tmp_path / "copy.db"
    site.ctl("backup", file)
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM ticket").fetchone() == (0,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert site.ctl("backup", "/nowhere/at/all.db", ok=False).returncode == 1


def test_a_deep_folder_has_a_socket(make, tmp_path):
    deep = "d" * 60 + "/" + "e" * 60
    (tmp_path / deep).mkdir(parents=True)
    site = make(start=False, name=deep + "/site")
    site.start()
    site.ctl("ticket", "list")
