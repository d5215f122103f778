"""Configuration from outside: stewardd -t shows every fault, a reload with a bad file changes nothing."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

import steward

DATA = pathlib.Path(__file__).resolve().parents[1] / "data/conf"


def check(config):
    return subprocess.run([str(steward.BIN / "stewardd"), "-t", "-c", str(config)], capture_output=True, text=True,
                          timeout=steward.TIMEOUT)


@pytest.fixture(scope="module")
def unprivileged():
    """The daemon and how to run it as somebody who is not root. What root has built may lie where nobody else gets to,
    under /root say: a copy is run then."""
    if os.getuid() != 0:
        yield steward.BIN / "stewardd", {}
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-bin-"))
    folder.chmod(0o755)
    shutil.copytree(steward.BUILD / "lib", folder / "lib")
    (folder / "bin").mkdir()
    shutil.copy(steward.BIN / "stewardd", folder / "bin/stewardd")
    yield folder / "bin/stewardd", {"user": "nobody", "group": "nogroup", "extra_groups": [], "cwd": "/"}
    shutil.rmtree(folder)


def faults(done, config):
    """Lines and texts of the errors."""
    found = re.findall(rf"^{re.escape(str(config))}:(\d+):\d+: (?!warning)(.*)$", done.stdout + done.stderr, re.M)
    return {int(line): text for line, text in found}


def test_the_specification_s_example_is_good(tmp_path):
    for name in ("example.yaml", "holidays-cn-2026.ics"):
        shutil.copy(DATA / name, tmp_path)
    done = check(tmp_path / "example.yaml")
    assert done.returncode == 0, done
    assert not faults(done, tmp_path / "example.yaml")


def test_twenty_faults_in_one_run(tmp_path):
    config = pathlib.Path(shutil.copy(DATA / "twenty.yaml", tmp_path))
    done = check(config)
    assert done.returncode == 1
    lines = [line for line in (done.stdout + done.stderr).split("\n") if str(config) in line and "warning" not in line]
    assert len(lines) >= 20
    found = faults(done, config)
    assert found[7] == "unknown key 'htpt' (did you mean 'http'?)"
    assert found[12].endswith("a calendar without working time never ends a clock")


@pytest.mark.parametrize("name, text, line", [
    ("tab", "site:\n\tname: x\n", 2),
    ("bracket", "site:\n  name: [x\nlisten:\n  line: 127.0.0.1:7070\n", 2),
    ("utf8", b"site:\n  name: \xff\xfe\n", 2),
    ("nul", b"site:\n  name: a\x00b\n", 2),
    ("escaped nul", 'site:\n  name: "a\\0b"\n', 2),
    ("anchor", "site: &s\n  name: *s\n", 2),
    ("repeated", "site:\n  name: a\nsite:\n  name: b\n", 3),
    ("depth", "site: " + "[" * 100000 + "\n", 1),
    ("documents", "site:\n  name: a\n---\nsite:\n  name: b\n", 3),
    ("root", "- a\n", 1),
])
def test_what_is_no_configuration(tmp_path, name, text, line):
    config = tmp_path / "steward.yaml"
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = check(config)
    assert done.returncode == 1, done
    assert line in faults(done, config), done.stderr


@pytest.mark.parametrize("section, place, says", [
    ("store:\n  path: gone/steward.db\n", "2:9", "gone: No such file or directory"),
    ("store: {path: steward.yaml/steward.db}\n", "1:15", "steward.yaml: Not a directory"),
    ("store: {path: .}\n", "1:15", "path: "),
    ("store: {path: locked/steward.db}\n", "1:15", "locked: Permission denied"),
    ("store: {path: locked.db}\n", "1:15", "locked.db cannot be read and written: Permission denied"),
    ("listen: {line: 127.0.0.1:7070, http: 127.0.0.1:7070}\n", "1:38", "port 7070 is that of listen.line"),
    ("listen: {line: \"0.0.0.0:7070\", http: 127.0.0.1:7070}\n", "1:38", "port 7070 is that of listen.line"),
    ("listen: {http: localhost:7070}\n", "1:16", "port 7070 is that of listen.line"),
    ("listen: {control: gone/steward.sock}\n", "1:19", "gone: No such file or directory"),
    ("listen: {control: steward.yaml}\n", "1:19", "is there and is not a socket"),
    ("listen:\n  tls: {certificate: a.pem, key: b.pem}\n", "2:22", "a.pem cannot be read: No such file or directory"),
    ("listen:\n  tls: {certificate: locked.db, key: steward.yaml}\n", "2:22", "locked.db cannot be read: Permission denied"),
    ("listen:\n  tls: {certificate: steward.yaml, key: steward.yaml}\n", "2:22", "certificate"),
    ("listen:\n  tls: {certificate: steward.yaml}\n", "2:8", "belong together"),
])
def test_what_the_daemon_would_stumble_over(section, place, says, unprivileged):
    """For somebody who is not root: permissions count."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="steward-"))
    try:
        config = folder / "steward.yaml"
        config.write_text(section)
        (folder / "locked").mkdir()
        (folder / "locked.db").touch()
        for path, mode in ((folder / "locked.db", 0), (folder / "locked", 0o500), (folder, 0o777)):
            path.chmod(mode)
        program, identity = unprivileged
        done = subprocess.run([str(program), "-t", "-c", str(config)], capture_output=True, text=True, timeout=steward.TIMEOUT, **identity)
        assert done.returncode == 1, done
        errors = [line for line in done.stderr.splitlines() if "warning:" not in line]
        assert any(line.startswith(f"{config}:{place}: ") and says in line for line in errors), done.stderr
    finally:
        shutil.rmtree(folder)


def test_two_free_ports_are_two(tmp_path):
    config = tmp_path / "steward.yaml"
    config.write_text("listen: {line: 127.0.0.1:0, http: 127.0.0.1:0}\n")
    assert check(config).returncode == 0
    config.write_text("listen: {line: none, http: 127.0.0.1:7070}\n")
    assert check(config).returncode == 0


def test_files_that_cannot_be_read(tmp_path):
    big = tmp_path / "big.yaml"
    big.write_text("#" * (1 << 20) + "\n")
    for config in (tmp_path / "missing.yaml", tmp_path, big):
        done = check(config)
        assert done.returncode == 1 and str(config) in done.stderr, done


def test_instances_are_checked_too(make):
    site = make(start=False)
    site.plugin("one", "plugin: gw_webhook\nname: Sms\n")
    site.plugin("two", "plugin: gw_webhook\nname: sms\nurl: http://127.0.0.1:9/\n")
    site.plugin("three", "plugin: gw_webhook\nname: sms\nurl: http://127.0.0.1:9/\n")
    done = check(site.config)
    assert done.returncode == 1
    assert "one.yaml:2:7: name: must match" in done.stderr
    assert "two.yaml:2:7: name: 'sms' is the instance of" in done.stderr


def test_reload_takes_good_and_refuses_bad(site):
    site.section("departments", "\n  engineering:\n    name: Works\n")
    site.ctl("reload")
    assert [d["key"] for d in site.get("/departments")["items"]] == ["engineering"]

    site.allow_log.append("reload refused")
    good = site.config.read_text()
    site.section("tickets", "\n  open_on: answred\n")
    refused = site.ctl("reload", ok=False)
    assert refused.returncode == 1 and "answred" in refused.stderr
    site.process.send_signal(signal.SIGHUP)
    site.logged("answred")
    assert [d["key"] for d in site.get("/departments")["items"]] == ["engineering"]

    site.config.write_text(good)
    site.section("store", "\n  path: other.db\n")
    site.process.send_signal(signal.SIGHUP)
    site.logged(r"restart.*store\.path")
    # It is still to come, however often the files are read, until it is taken back; and the daemon's database is the one it opened.
    again = site.ctl("reload")
    assert "store.path" in again.stdout and "nothing has changed" in again.stdout
    site.ctl("backup", site.folder / "copy.db")
    assert site.ctl("audit", "verify").returncode == 0
    assert not (site.folder / "other.db").exists()
    site.config.write_text(good)
    assert "restart" not in site.ctl("reload").stdout


@pytest.mark.parametrize("moment", ["at once", "a word", "a store", "ready"])
def test_signals_at_odd_times(make, moment):
    """A daemon that has just begun stops cleanly, and is not killed by a reload that comes too early."""
    site = make(start=False)
    site.start(wait=False)
    held = (1 << signal.SIGTERM - 1) | (1 << signal.SIGHUP - 1)

    def awaited():
        status = pathlib.Path(f"/proc/{site.process.pid}/status").read_text()
        masks = {name: int(value, 16) for name, value in re.findall(r"^Sig(Blk|Cgt):\t([0-9a-f]+)", status, re.M)}
        return masks["Blk"] & held == held or masks["Cgt"] & held == held
    steward.eventually(awaited, "the signals are awaited")  # before that it is not yet stewardd, but what becomes it
    come = {"at once": lambda: True, "a word": lambda: site.log, "a store": (site.folder / "steward.db").exists, "ready": site.ready.is_set}
    steward.eventually(come[moment], moment)
    site.process.send_signal(signal.SIGHUP)
    site.process.send_signal(signal.SIGTERM)
    site.process.send_signal(signal.SIGHUP)
    site.stop()
    site.logged("stopped")


def test_secrets_are_never_shown(site):
    assert steward.TOKEN not in site.ctl("config", "show", "--json").stdout


def test_templates_that_the_file_names_are_there(make):
    site = make(start=False)
    (site.folder / "templates").mkdir(exist_ok=True)
    (site.folder / "templates" / "birthday.zh.txt").write_text("生日快乐\n", encoding="utf-8")
    (site.folder / "templates" / "confrim.zh.txt").write_text("满意吗\n", encoding="utf-8")
    site.section("care", """
  - {name: a, at: [3 months], do: message, template: birthday}
  - {name: b, at: [3 months], do: message, template: inspektion}""")
    site.section("messages", """
  sms: {gateway: sms}
  email: {gateway: mail}
  provider_templates: {confirm: SMS_1, birthdy: SMS_2}""")
    done = check(site.config)
    text = done.stdout + done.stderr
    assert done.returncode == 1
    assert re.search(r":\d+:\d+: template: there is no template 'inspektion' \(did you mean 'inspection'\?\)", text), text
    assert re.search(r":\d+:\d+: provider_templates: there is no template 'birthdy' \(did you mean 'birthday'\?\)", text), text
    assert re.search(r"warning: templates: 'confrim' is not one of the daemon's templates \(did you mean 'confirm'\?\)", text), text
    assert "'birthday' is none" not in text
    (site.folder / "templates" / "confrim.zh.txt").write_text("满意吗 {ticket\n", encoding="utf-8")
    done = check(site.config)
    assert "confrim.zh.txt:1:" in done.stdout + done.stderr
