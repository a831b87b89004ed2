"""`flowstone doctor`: each thing that can be wrong with a home is found, with what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys

import pytest

from flowstone.cli import findings
from flowstone.store.database import WriterLock, database_path
from tests.cli.conftest import BEGIN


@pytest.fixture
def doctor(cli, log):
    """Runs it; answers with the exit code and what it found: (check, level, text, advice)."""
    import msgspec

    def call():
        code, out, err = cli("doctor", "-o", "json")
        assert err == ""
        return code, [tuple(one.values()) for one in msgspec.json.decode(out)]

    return call


def of(found, check):
    return [(level, text, advice) for name, level, text, advice in found if name == check]


def test_a_home_that_is_not_there_yet_is_well(doctor, home):
    code, found = doctor()
    assert code == 0
    assert of(found, "home") == [("ok", f"{home} is not there yet; the first run makes it", "")]
    assert not home.exists()


def _files(home):
    """What lies in a home, but for what SQLite keeps beside a database that was looked at."""
    return sorted(path for path in home.rglob("*") if not path.name.endswith(("-shm", "-wal")))


def test_a_home_in_use_is_well_and_stays_as_it_is(doctor, home, log, cli):
    log.flow_run("otter")
    log.write()
    home.chmod(0o700)
    code, found = doctor()
    assert code == 0
    assert {level for _, level, _, _ in found} == {"ok"}
    assert "1 log, 0 of living processes" in of(found, "logs")[0][1]
    assert "to collect, by whoever reads next" in of(found, "logs")[0][1]
    assert os.listdir(home) == ["logs"]
    cli("flow-run", "ls")
    before = _files(home)
    code, found = doctor()
    assert code == 0
    assert of(found, "database")[0][1].endswith("whole")
    assert of(found, "logs") == [("ok", "0 logs, 0 of living processes", "")]
    assert _files(home) == before


def test_it_says_everything_in_words_too(cli, home):
    home.mkdir(mode=0o755)
    code, out, _ = cli("doctor")
    assert code == 0
    words = "".join(out.split())  # a path may be longer than a line
    assert f"warninghomeothersmaylookinto{home},where" in words
    assert f"→Keepittoyourself:chmod700{home}" in words
    assert out.endswith("\nFound 1 warning.\n")


def test_lines_fit_the_terminal(cli, home, monkeypatch):
    home.mkdir(mode=0o755)
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = cli("doctor")
    assert max(map(len, out.splitlines())) <= 80 + len(str(home))


def test_versions_name_the_bug_of_sqlite_where_it_has_it(doctor, monkeypatch):
    for version, has_it in (((3, 7, 0), True), ((3, 51, 2), True), ((3, 51, 3), False)):
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        _, found = doctor()
        assert ("WAL-reset bug" in of(found, "versions")[1][1]) is has_it


def test_wrong_and_unknown_settings_are_all_told(doctor, monkeypatch, home):
    monkeypatch.setenv("FLOWSTONE_LOGGIN_LEVEL", "DEBUG")
    monkeypatch.setenv("FLOWSTONE_LOGGING_LEVEL", "loud")
    monkeypatch.setenv("FLOWSTONE_LOG_SYNC", "maybe")
    code, found = doctor()
    assert code == 1
    levels = [level for level, _, _ in of(found, "settings")]
    assert sorted(levels) == ["problem", "problem", "warning"]
    texts = " ".join(text for _, text, _ in of(found, "settings"))
    assert "Did you mean 'FLOWSTONE_LOGGING_LEVEL'?" in texts
    assert "FLOWSTONE_LOG_SYNC is 'maybe'" in texts
    assert str(home) in of(found, "home")[0][1]


def test_a_file_of_settings_that_is_none_is_told(doctor, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowstone.toml").write_text("[logging\n")
    code, found = doctor()
    assert code == 1
    [(level, text, _)] = of(found, "settings")
    assert level == "problem"
    assert "flowstone.toml" in text


def test_a_file_where_the_home_should_be(doctor, home):
    home.write_text("")
    code, found = doctor()
    assert code == 1
    advice = "Set FLOWSTONE_HOME to a directory."
    assert of(found, "home") == [("problem", f"{home} is no directory", advice)]


def test_a_home_that_nobody_can_make(doctor, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_HOME", "/proc/nowhere/home")
    code, found = doctor()
    assert code == 1
    [(level, text, advice)] = of(found, "home")
    assert level == "problem"
    assert "/proc/nowhere/home is not there" in text
    assert "FLOWSTONE_HOME" in advice


def test_a_home_without_the_right_to_write(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)

    def refused(directory):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), directory)

    monkeypatch.setattr("flowstone.cli.findings._trial", refused)  # root may write everywhere
    code, found = doctor()
    assert code == 1
    assert "runs are recorded in" in of(found, "home")[0][1]


def _on_a_disk(size: str, options: str, tmp_path, script: str):
    """Run a shell script with a home on a disk of its own."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("mounting takes root and unshare")
    home = tmp_path / "disk"
    home.mkdir()
    mount = f"mount -t tmpfs -o size={size},mode=0700 tmpfs {shlex.quote(str(home))}"
    remount = f"mount -o remount,{options} {shlex.quote(str(home))}" if options else ":"
    python = f"{shlex.quote(sys.executable)} -m flowstone.cli doctor"
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{mount} || exit 77; {script}; {remount}; {python}"],
        env=os.environ | {"FLOWSTONE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_is_a_problem(tmp_path):
    done = _on_a_disk("256k", "", tmp_path, f"head -c 1M /dev/zero > {tmp_path}/disk/full")
    if done.returncode == 77:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 1, done.stderr
    assert "No space left on device; what runs record waits in memory" in " ".join(
        done.stdout.split()
    )
    assert "runs are recorded in" not in done.stdout
    assert "Make room, or delete runs" in done.stdout
    assert "problem  disk       0 B free" in done.stdout


def test_a_disk_that_is_read_only_is_a_problem(tmp_path):
    done = _on_a_disk("1m", "ro", tmp_path, f"mkdir {tmp_path}/disk/logs")
    if done.returncode == 77:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 1, done.stderr
    assert "Read-only file system; runs are recorded in" in " ".join(done.stdout.split())


def test_little_room_is_a_warning(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)
    real = os.statvfs

    def small(path):
        found = list(real(path))
        found[4] = (32 << 20) // found[1]
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", small)
    code, found = doctor()
    assert code == 0
    [(level, text, advice)] = of(found, "disk")
    assert level == "warning"
    assert text.startswith("32.0 MiB free")
    assert "flowstone flow-run delete" in advice


def test_a_network_home_is_a_problem(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)
    monkeypatch.setattr(findings, "mount_of", lambda path: ("nfs4", False))
    code, found = doctor()
    assert code == 1
    assert "on a network" in of(found, "home")[0][1]


def test_a_home_of_somebody_else_is_told(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    _, found = doctor()
    assert of(found, "home")[1][0] == "warning"
    assert "belongs to user" in of(found, "home")[1][1]


def test_a_file_system_without_locks_is_told(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)
    monkeypatch.setattr(findings, "lock", lambda fd: False)
    code, found = doctor()
    assert code == 0
    assert of(found, "locks")[0][0] == "warning"


def test_byte_locks_that_fail_are_a_problem(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)

    def fails(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", fails)
    code, found = doctor()
    assert code == 1
    assert "limits cannot be held" in of(found, "locks")[0][1]
    assert os.listdir(home) == []


def test_who_keeps_the_database_is_named(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)
    monkeypatch.setattr(findings, "_PATIENCE", 0.05)
    with WriterLock(home).waiting():
        code, found = doctor()
    assert code == 0
    [(level, text, _)] = of(found, "writer")
    assert level == "warning"
    assert text.startswith(f"process {os.getpid()} has been writing the database")


def test_damage_of_a_log_is_told(doctor, home, log, cli):
    for name in ("a", "b", "c"):
        log.flow_run(name)
    log.write(damage=True)
    home.chmod(0o700)
    cli("flow-run", "ls")
    _, found = doctor()
    level, text, advice = of(found, "logs")[1]
    assert level == "warning"
    assert text.startswith("Damaged: ")
    assert "flowstone log status" in advice


@pytest.mark.parametrize("content", [b"hello", b""], ids=["text", "empty"])
def test_a_database_that_is_none_is_a_problem_said_once(content, doctor, home):
    home.mkdir(mode=0o700)
    (home / "flowstone.db").write_bytes(content)
    code, found = doctor()
    assert code == 1
    [problem] = [text for _, level, text, _ in found if level == "problem"]
    assert "flowstone.db" in problem
    assert "Move it away" in problem


def test_a_database_of_another_program_is_a_problem(doctor, home):
    home.mkdir(mode=0o700)
    with sqlite3.connect(home / "flowstone.db") as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    code, found = doctor()
    assert code == 1
    assert "not one of Flowstone" in of(found, "database")[0][1]


def test_a_database_of_runs_that_took_results_is_whole(doctor, home, log, cli):
    flow = log.flow_run("brave-otter")
    giver = log.task_run("add-0", flow_run=flow)
    for number in range(3):
        log.waiting_task_run(f"sum-{number}", [("x", giver)], flow_run=flow)
    log.write()
    home.chmod(0o700)
    cli("flow-run", "ls")
    _, found = doctor()
    assert {level for level, _, _ in of(found, "database")} == {"ok"}


def test_a_damaged_database_is_a_problem(doctor, home, log, cli):
    for number in range(200):
        log.flow_run(f"run-{number}")
    log.write()
    home.chmod(0o700)
    cli("flow-run", "ls")
    path = database_path(home)
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        file.seek(size // 2)
        file.write(b"\xa5" * (size // 4))
    code, found = doctor()
    assert code == 1
    [(level, text, advice)] = of(found, "database")
    assert level == "problem"
    assert "is damaged" in text
    assert ".recover" in advice


def test_a_database_that_others_may_read_is_told(doctor, home, log, cli):
    log.flow_run("otter")
    log.write()
    home.chmod(0o700)
    cli("flow-run", "ls")
    os.chmod(database_path(home), 0o644)
    _, found = doctor()
    assert "chmod 600" in of(found, "database")[1][2]


def test_a_database_of_an_older_version_is_said_to_be_brought_up(
    doctor, home, log, cli, monkeypatch
):
    log.flow_run("otter")
    log.write()
    home.chmod(0o700)
    cli("flow-run", "ls")
    monkeypatch.setattr(findings, "VERSION", findings.VERSION + 1)
    _, found = doctor()
    assert f"the next look at runs brings it to {findings.VERSION}" in of(found, "database")[0][1]


def test_a_check_of_a_huge_database_ends_in_time(doctor, home, log, cli, monkeypatch):
    for number in range(300):
        log.flow_run(f"run-{number}")
    log.write()
    home.chmod(0o700)
    cli("flow-run", "ls")
    monkeypatch.setattr(findings, "_LONGEST_CHECK", 0.0)
    monkeypatch.setattr(findings, "_STEPS", 10)
    code, found = doctor()
    assert code == 0
    assert "as far as was looked" in of(found, "database")[0][1]


def test_a_clock_that_was_set_back_is_told(doctor, home):
    (home / "logs").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    path = home / "logs" / "x.log"
    path.write_bytes(b"")
    ahead = BEGIN + 10**18 * 3
    os.utime(path, ns=(ahead, ahead))
    _, found = doctor()
    assert of(found, "clock")[0][0] == "warning"
    assert "Set the clock" in of(found, "clock")[0][2]


def test_a_log_that_goes_away_meanwhile_does_not_stop_the_look_at_the_clock(doctor, home):
    (home / "logs").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    (home / "logs" / "x.log").symlink_to("gone")  # listed, and not there when it is looked at
    _, found = doctor()
    assert [level for level, _, _ in of(found, "clock")] == ["ok"]


def test_what_stops_a_check_does_not_stop_the_others(doctor, home, monkeypatch):
    home.mkdir(mode=0o700)

    def fails(home):
        raise PermissionError(13, "Permission denied")
        yield

    fails.__name__ = "_disk"
    monkeypatch.setattr(findings, "_disk", fails)
    code, found = doctor()
    assert code == 1
    assert "could not be looked at" in of(found, "disk")[0][1]
    assert of(found, "clock")
