"""Every scenario of tests/scenario/*.scn, one daemon a file."""
import pytest

import scenario

CASES = [(script, name, lines) for script in scenario.scripts() for name, lines in script.scenarios]


class Stages:
    def __init__(self, folder):
        self.folder, self.script, self.stage = folder, None, None

    def of(self, script):
        if script is not self.script:
            self.close()
            self.stage = scenario.Stage(script, self.folder / script.path.stem)
            self.script = script
        return self.stage

    def close(self):
        stage, self.stage, self.script = self.stage, None, None
        if stage:
            stage.close()


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    made = Stages(tmp_path_factory.mktemp("scenario"))
    yield made
    made.close()


@pytest.mark.parametrize("script,name,lines", CASES, ids=[f"{s.path.stem}: {n}" for s, n, _ in CASES])
def test_scenario(stages, script, name, lines):
    scenario.play(stages.of(script), script, name, lines)
