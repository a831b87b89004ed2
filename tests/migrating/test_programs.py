"""Programs written for Prefect, as its users write them, run after they are rewritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.migrating.files import migrated
from flowstone.migrating.rewriting import rewrite

PROGRAMS = Path(__file__).parent / "programs"
PRINTED = {
    "hello": "Hello, Marvin!\n",
    "limited": "asks-0 of asks: 1\nasks-1 of asks: 2\nlimited\n",
    "mapping": "60\n",
    "publishing": "publish: Failed; the page is gone\n",
    "report": "# 3 squares\n",
    "states": "COMPLETED all good\nFAILED not good\nFlowstoneError\n",
    "tested": "3\n['Completed']\n",
    "thresholds": "4\n",
    "weather": "{'Oslo': 6.0, 'Lima': 6.0}\n['Oslo', 'Oslo', 'Lima']\n",
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_program_for_prefect_runs_when_it_is_rewritten(tmp_path, name):
    done = rewrite((PROGRAMS / f"{name}.py").read_bytes())
    assert done.remarks == []
    assert b"prefect" not in done.source.lower()
    script = tmp_path / f"{name}.py"
    script.write_bytes(done.source)
    ended = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"FLOWSTONE_HOME": str(tmp_path / "home")},
        capture_output=True,
        check=False,
        text=True,
        timeout=20,
    )
    assert (ended.stdout, ended.returncode) == (PRINTED[name], 0), ended.stderr


def test_a_program_of_what_is_not_here_says_what_to_do_and_where():
    [found] = migrated([str(PROGRAMS / "deployed.py")])
    assert [(remark.line, remark.text.partition(". ")[0]) for remark in found.remarks] == [
        (3, "prefect.serve is not here"),
        (4, "prefect.blocks.system.Secret is not here"),
        (5, "prefect.deployments is not here"),
        (6, "prefect_aws is not here"),
        (12, "PREFECT_API_URL is not read; here it is FLOWSTONE_API_URL."),
        (17, "`.delay()` is not here"),
        (22, "`.serve()` is not here"),
        (23, "prefect.flow.from_source is not here"),
    ]
    assert all(len(remark.text.partition(". ")[2]) > 10 for remark in found.remarks[:4])
    # What cannot be imported here stays as it was, so that nobody takes it for done.
    assert b"from prefect.deployments import run_deployment" in found.after
