"""What the README tells a newcomer to type does what it says."""
import pathlib
import re
import shlex
import shutil
import subprocess

import steward

ROOT = pathlib.Path(__file__).resolve().parents[2]


def commands(page, heading):
    """The lines of the first block of shell under a heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    block = text.split(heading, 1)[1].split("```sh\n", 1)[1].split("```", 1)[0]
    return [re.sub(r"\s+#.*", "", line).strip() for line in block.splitlines() if line.strip()]


def test_a_site_in_a_minute(tmp_path):
    """As printed, but for the build and the ports, which are those of this run."""
    lines = [line for line in commands("README.md", "## A site in a minute") if not line.startswith("./dev")]
    ports = {"7070": str(steward.free_port()), "8080": str(steward.free_port())}
    (tmp_path / "config").symlink_to(ROOT / "config")
    daemon, said = None, []
    try:
        for line in lines:
            words = shlex.split(re.sub(r"\b(7070|8080)\b", lambda m: ports[m[0]], line).rstrip("& "))
            words[0] = str(steward.BIN / pathlib.Path(words[0]).name)
            if line.endswith("&"):
                daemon = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
                for entry in daemon.stderr:
                    if "ready:" in entry:
                        break
                continue
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=steward.TIMEOUT)
            assert done.returncode == 0, (line, done)
            said.append(done.stdout)
        assert any("王芳" in text for text in said) and len(said) == len(lines) - 1
    finally:
        if daemon:
            daemon.terminate()
            daemon.stderr.read()
            assert daemon.wait(steward.TIMEOUT) == 0


def test_the_example_site_is_good(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    done = subprocess.run([str(steward.BIN / "stewardd"), "-t", "-c", str(tmp_path / "config/steward.yaml")], capture_output=True,
                          text=True, timeout=steward.TIMEOUT)
    assert done.returncode == 0, done.stderr
