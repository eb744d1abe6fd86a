"""The command: it answers at once, ends in a coded word, and writes whole files or none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from conftest import ROOT

from customer_intelligence.cli import commands, ending, project
from customer_intelligence.cli.commands import cli, main
from customer_intelligence.data_dir import outputs
from customer_intelligence.errors import CustomerIntelligenceError

COMMAND = [sys.executable, "-m", "customer_intelligence"]


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# ---------------------------------------------------------------- what it says of itself


def test_help_needs_nothing_heavy():
    program = (
        "import sys; from customer_intelligence.cli.commands import main; main(['--help']); "
        "main(['build', '--help']); print(sorted(set(sys.argv[1:]) & set(sys.modules)))"
    )
    heavy = ("pandas", "numpy", "pyarrow", "dbt", "sklearn", "scipy", "streamlit")
    result = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_shell_can_complete_its_words():
    words = {"COMP_WORDS": f"{commands.NAME} ro", "COMP_CWORD": "1"}
    result = run(**words, _CUSTOMER_INTELLIGENCE_COMPLETE="bash_complete")
    assert (result.returncode, result.stdout) == (0, "plain,rollback\n")


def test_alone_it_shows_its_help(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in cli.commands)
    assert "Exit status:" in said
    assert "..." not in said.partition("Commands:")[2], "what a command does fits its line"


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_teaches_by_an_example_that_it_takes(name, capsys):
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    example = said.partition("Example:\n")[2].strip().splitlines()[0].split()
    assert example[:2] == [commands.NAME, name]
    # Read, but not carried out.
    cli.commands[name].make_context(name, example[2:])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no-such-command"], "No such command"),
        (["export"], "Missing argument 'MART'"),
        (["export", "dim_customers"], "Missing option '--out'"),
        (["build", "--wrong"], "No such option"),
        (["build", "--mapping=shopify"], "none is given"),
        (["forget", "-h", "x", "--"], ""),
    ],
)
def test_what_it_does_not_take_is_refused_with_the_way_to_its_help(words, told, capsys):
    status = main(words)
    out, err = capsys.readouterr()
    if not told:
        assert (status, err) == (0, "")
        return
    assert (status, out) == (2, "")
    assert err.startswith("E_USAGE: ")
    assert told in err
    assert "--help` explains its arguments.\n" in err


@pytest.mark.parametrize(
    "words",
    [
        ["build", "orders.csv", "--mapping="],
        ["build", ""],
        ["build", "--vars= "],
        ["export", "", "--out=a.csv"],
        ["audience", "2011-06-30", "2011-09-30", "--out=a.csv", "--segment="],
        ["campaign", "--out=a.csv", "--actions="],
        ["forget", "--", " "],
        ["rollback", "\t"],
        ["versions", "--data-dir="],
        ["check-data", "a.csv", "--out="],
    ],
)
def test_a_value_that_came_to_nothing_is_refused(words, capsys):
    """A script's unset variable loaded a file without its mapping, and built the sample."""
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("E_EMPTY_VALUE: ")


@pytest.mark.parametrize("customer", ["-h", "--help", "--data-dir=x"])
def test_a_customer_may_be_called_like_an_option(customer, tmp_path, capsys):
    """`CUSTOMER=-h` erased nobody and ended as if it had."""
    assert main(["forget", f"--data-dir={tmp_path}", "--", customer]) == 2
    assert capsys.readouterr().err.startswith("E_UNKNOWN_CUSTOMER: ")


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (CustomerIntelligenceError("E_X", "What.", "Do."), 2, "E_X"),
        (ending.NotSo("E_X", "What.", "Do."), 1, "E_X"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 2, "E_NO_SPACE"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/x"), 2, "E_NO_SPACE"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), 2, "E_NO_PERMISSION"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 2, "E_NO_PERMISSION"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 2, "E_NOT_FOUND"),
        (OSError(errno.EIO, "Input/output error", "/x"), 2, "E_IO"),
        (OSError("no number at all"), 2, "E_IO"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, "E_NOT_READ"),
        (duckdb.IOException("IO Error: Could not set lock on file"), 2, "E_LOCKED"),
        (duckdb.IOException("IO Error: damaged\nmore"), 2, "E_DATABASE"),
        (duckdb.OutOfMemoryException("Out of Memory Error"), 2, "E_NO_MEMORY"),
        (MemoryError(), 2, "E_NO_MEMORY"),
        (RecursionError("too deep"), 2, "E_UNEXPECTED"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), 2, "E_UNEXPECTED"),
        (AssertionError(), 2, "E_UNEXPECTED"),
        (BaseException("a panic that is no Exception"), 2, "E_UNEXPECTED"),
        (ModuleNotFoundError("No module", name="streamlit.web"), 2, "E_NO_EXTRA"),
        (ModuleNotFoundError("No module", name="other"), 2, "E_UNEXPECTED"),
        (KeyboardInterrupt(), 130, "E_INTERRUPTED"),
    ],
)
def test_whatever_happens_it_ends_in_one_coded_line(error, status, code, capsys):
    def work() -> None:
        raise error

    assert ending.ended(work) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{code}: ")
    assert err.count("\n") == 1
    # What a person is told to do never destroys data.
    assert not any(word in err.lower() for word in ("remove", "delete", "rm -"))


def test_the_traceback_is_there_for_whoever_asks(capsys, monkeypatch):
    def work() -> None:
        raise ZeroDivisionError("division by zero")

    ending.ended(work)
    assert "CUSTOMER_INTELLIGENCE_DEBUG=1" in capsys.readouterr().err
    monkeypatch.setenv(ending.DEBUG_VARIABLE, "1")
    ending.ended(work)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("E_UNEXPECTED: ZeroDivisionError: division by zero.")


def test_names_do_nothing_to_the_terminal(capsys):
    nasty = "a\x1b[31m\x1b]0;title\x07\r\x9b2J\u202egnp.\u2028b"

    def work() -> None:
        print(f"{nasty}\n\tsecond")
        sys.stderr.writelines([nasty])
        raise CustomerIntelligenceError("E_X", f"In {nasty}\nE_DONE: all is well.", "")

    ending.ended(work)
    out, err = capsys.readouterr()
    for text in (out, err):
        # dbt's colours are all that may pass.
        rest = text.replace("\x1b[31m", "").replace("\n", "").replace("\t", "")
        assert rest.isprintable()
    assert out.endswith("\n\tsecond\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_a_terminal_that_knows_no_other_letters_gets_escapes(environment, tmp_path):
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **environment}
    result = run("export", "Käse-注文", f"--data-dir={tmp_path / 'ä'}", "--out=x.csv", **plain)
    assert result.returncode == 2
    assert result.stderr.startswith("E_NOT_PUBLISHED: ")
    assert result.stderr.isascii()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_output_that_takes_nothing_is_said_and_not_twice():
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*COMMAND], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("E_NO_SPACE: ")


def test_a_reader_that_goes_away_is_no_traceback():
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run([*COMMAND], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (result.returncode, result.stderr) == (
        1, "E_NOT_READ: The output was not read to its end.\n"
    )  # fmt: skip


def test_ctrl_c_ends_it_with_130(tmp_path):
    program = (
        "import sys, time; from customer_intelligence.cli.ending import ended; "
        "sys.exit(ended(lambda: print('at work', flush=True) or time.sleep(30)))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts tests in the background has them ignore the interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read().startswith("E_INTERRUPTED: ")


# ---------------------------------------------------------------- the project and dbt


def test_the_data_directory_is_the_projects_wherever_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("CUSTOMER_INTELLIGENCE_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert project.find_project() == ROOT
    assert project.find_data_dir(None) == ROOT / "data" / "local"
    (tmp_path / "dbt_project.yml").write_text("name: another_shop\n")
    assert project.find_project() == ROOT
    (tmp_path / "dbt_project.yml").write_text("name: customer_intelligence\n")
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "models")
    assert project.find_project() == tmp_path
    assert project.find_data_dir(None) == tmp_path / "data" / "local"
    assert project.find_data_dir("mine") == tmp_path / "models" / "mine"
    monkeypatch.setenv("CUSTOMER_INTELLIGENCE_DATA_DIR", "/shop")
    assert project.find_data_dir(None) == Path("/shop")
    with pytest.raises(CustomerIntelligenceError, match="E_NO_PROJECT"):
        project.find_project(str(tmp_path / "models"))


@pytest.mark.slow
def test_dbt_uses_the_projects_data_directory_wherever_it_is_started(tmp_path, monkeypatch):
    """From another folder dbt made a `data/local` there, and failed."""
    from argparse import Namespace

    from dbt.config.runtime import load_profile
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context

    monkeypatch.chdir(tmp_path)
    environment = dict(os.environ)
    environment.pop("CUSTOMER_INTELLIGENCE_DATA_DIR", None)
    set_invocation_context(environment)
    set_from_args(Namespace(PROFILES_DIR=ROOT, PROJECT_DIR=ROOT), None)
    path = load_profile(str(ROOT), {}).credentials.path
    assert path == f"{ROOT}/data/local/build/warehouse.duckdb"
    assert list(tmp_path.iterdir()) == []


class Runner:
    """Stands in for dbt."""

    def __init__(self, success: bool = True, exception: BaseException | None = None) -> None:
        self.success, self.exception = success, exception

    def invoke(self, words: list[str]) -> Runner:
        self.words, self.argv = words, list(sys.argv)
        self.target = os.environ["DBT_TARGET_PATH"]
        return self


@pytest.mark.parametrize(
    ("runner", "status", "said"),
    [
        (Runner(success=False), 1, "E_DBT_FAILED: `dbt build` failed"),
        (
            Runner(False, RuntimeError("Runtime Error\n  E_LOCKED: Another process is at work.")),
            2,
            "E_LOCKED: Another process is at work.\n",
        ),
        (Runner(False, ValueError("Compilation\n  Error")), 2, "E_DBT: Compilation Error."),
        (Runner(False, KeyboardInterrupt()), 130, "E_INTERRUPTED: "),
    ],
)
def test_a_build_ends_as_dbt_ended(runner, status, said, tmp_path, monkeypatch, capsys):
    stand_in = SimpleNamespace(dbtRunner=lambda manifest=None: runner)
    monkeypatch.setitem(sys.modules, "dbt.cli.main", stand_in)
    monkeypatch.setattr("customer_intelligence.cli.parsed.parsed", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    for name in ("CUSTOMER_INTELLIGENCE_DATA_DIR", "CUSTOMER_INTELLIGENCE_ROOT"):
        monkeypatch.setenv(name, "")
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.setenv(name, "")
    words = ["build", f"--data-dir={tmp_path / 'a b'}", "--vars={publish_empty: true}"]
    assert main(words) == status
    assert capsys.readouterr().err.startswith(said)
    assert runner.words[:3] == ["build", "--exclude-resource-type", "unit_test"]
    assert runner.words[3:5] == ["--vars", '{"publish_empty": true}']
    assert runner.target == str(tmp_path / "a b" / "build" / "target")
    assert (os.environ["DBT_TARGET_PATH"], Path.cwd()) == ("", tmp_path), "left as it was found"
    # dbt notes its command line in files that stay.
    assert runner.argv == ["dbt", *runner.words[:5]]


def test_what_dbt_cannot_parse_is_not_built(tmp_path, monkeypatch, capsys):
    runner = Runner(False, KeyboardInterrupt())
    stand_in = SimpleNamespace(dbtRunner=lambda manifest=None: runner)
    monkeypatch.setitem(sys.modules, "dbt.cli.main", stand_in)
    monkeypatch.setattr("customer_intelligence.cli.parsed._digest", lambda *_: "of no parse")
    assert main(["build", f"--data-dir={tmp_path}"]) == 130
    assert capsys.readouterr().err.startswith("E_INTERRUPTED: ")
    assert runner.words[:2] == ["--quiet", "parse"]


# ---------------------------------------------------------------- what it writes


@pytest.fixture
def place(tmp_path):
    """A data directory with its own folders, and a folder beside it."""
    for name in ("raw", "build", "published", "campaigns", "mine"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "here").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("out", "code"),
    [
        *(
            (f"data/{folder}/x.csv", "E_OWN_FOLDER")
            for folder in ("raw", "build", "published", "campaigns")
        ),
        ("here/../data/raw/x.csv", "E_OWN_FOLDER"),
        ("linked/x.csv", "E_OWN_FOLDER"),
        ("here/none/x.csv", "E_NO_FOLDER"),
        ("here/file/x.csv", "E_NO_FOLDER"),
        ("here", "E_NOT_A_FILE"),
        ("here/new.csv/", "E_NOT_A_FILE"),
        ("here/link", "E_NOT_A_FILE"),
        ("here/dangling", "E_NOT_A_FILE"),
        ("here/fifo", "E_NOT_A_FILE"),
        ("/dev/null", "E_NOT_A_FILE"),
        ("", "E_NO_OUT"),
        (" ", "E_NO_OUT"),
        ("here/" + "x" * 300, "E_CANNOT_WRITE"),
    ],
)
def test_where_nothing_may_be_written_is_refused(place, monkeypatch, out, code):
    monkeypatch.chdir(place)
    Path("linked").symlink_to("data/published")
    Path("here/file").write_text("kept")
    Path("here/link").symlink_to("file")
    Path("here/dangling").symlink_to("nothing")
    os.mkfifo("here/fifo")
    before = sorted(place.rglob("*"))
    with pytest.raises(CustomerIntelligenceError) as refusal:
        outputs.check_output(out, "data")
    assert refusal.value.code == code
    if code != "E_OWN_FOLDER":
        with pytest.raises(CustomerIntelligenceError):
            outputs.write_output(out, "new")
    assert sorted(place.rglob("*")) == before
    assert Path("here/file").read_text() == "kept"


@pytest.mark.parametrize("out", ["here/x.csv", "data/x.csv", "data/mine/x.csv", "here/-x.csv"])
def test_a_file_is_written_whole_and_for_its_owner(place, monkeypatch, out):
    monkeypatch.chdir(place)
    assert outputs.check_output(out, "data") == Path(out)
    outputs.write_output(out, "first")
    outputs.write_output(out, "second ü")
    assert Path(out).read_text("utf-8") == "second ü"
    assert Path(out).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in Path(out).parent.iterdir() if path.is_file()] == [Path(out).name]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError()]
)
def test_a_file_that_is_not_finished_leaves_the_old_one(place, error):
    out = place / "here" / "x.csv"
    out.write_text("kept")
    with pytest.raises((CustomerIntelligenceError, type(error))), outputs.written(out) as file:
        file.write(b"half")
        raise error
    assert out.read_text() == "kept"
    assert [path.name for path in out.parent.iterdir()] == ["x.csv"]


@pytest.mark.parametrize(
    "words",
    [
        ["export", "dim_customers"],
        ["audience", "2011-06-30", "2011-09-30"],
        ["campaign"],
        ["report"],
        ["docs"],
        ["check-data", "orders.csv"],
    ],
)
def test_every_command_that_writes_asks_first(words, place, capsys):
    out = place / "data" / "published" / "x"
    assert main([*words, f"--data-dir={place / 'data'}", f"--out={out}"]) == 2
    assert capsys.readouterr().err.startswith("E_OWN_FOLDER: ")
