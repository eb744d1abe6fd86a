"""A build takes what fits the machine, and no more than its container allows."""

import os
import shutil

import duckdb
import pytest
from dbt_common.exceptions import DbtRuntimeError

from customer_intelligence.cli.commands import main
from customer_intelligence.data_dir import doctor, memory
from customer_intelligence.dbt_plugin import Plugin

GIB = 1024**3


def groups(tmp_path, lines, limits):
    """Write what the kernel says: the groups of a process, and the limits of groups."""
    (tmp_path / "cgroup").write_text("".join(f"{line}\n" for line in lines))
    for name, limit in limits.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(f"{limit}\n")
    return tmp_path / "cgroup", tmp_path / "fs"


@pytest.mark.parametrize(
    ("lines", "limits", "expected"),
    [
        (["0::/shop"], {"shop/memory.max": GIB}, GIB / 2),
        (["0::/shop/build"], {"shop/memory.max": GIB, "shop/build/memory.max": "max"}, GIB / 2),
        # In a container its own group is the root.
        (["0::/docker/1f"], {"memory.max": 2 * GIB}, GIB),
        (["4:memory:/shop"], {"memory/shop/memory.limit_in_bytes": GIB // 2}, GIB / 4),
    ],
)
def test_half_of_what_the_container_allows(tmp_path, lines, limits, expected):
    assert memory.fitting_bytes(*groups(tmp_path, lines, limits)) == expected


@pytest.mark.parametrize("limits", [{}, {"memory.max": "max"}, {"memory.max": "no number"}])
def test_half_of_the_machine_and_four_gib_at_most(tmp_path, limits):
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = memory.fitting_bytes(*groups(tmp_path, ["0::/"], limits))
    assert found == min(there / 2, 4 * GIB)


def test_no_kernel_that_says_anything(tmp_path):
    assert 0 < memory.fitting_bytes(tmp_path / "none", tmp_path / "none") <= 4 * GIB


def test_what_is_set_counts_and_duckdb_reads_it(monkeypatch):
    monkeypatch.setenv(memory.MEMORY_VARIABLE, "1500MB")
    assert memory.memory_limit() == "1500MB"
    monkeypatch.delenv(memory.MEMORY_VARIABLE)
    with duckdb.connect() as connection:
        connection.execute("set memory_limit = ?", [memory.memory_limit()])
        (limit,) = connection.execute("select current_setting('memory_limit')").fetchall()[0]
    assert limit.endswith("iB")


def test_a_build_keeps_to_what_is_set(monkeypatch):
    monkeypatch.setenv(memory.MEMORY_VARIABLE, "1536MiB")
    with duckdb.connect() as connection:
        Plugin.__new__(Plugin).configure_connection(connection)
        assert connection.execute("select current_setting('memory_limit')").fetchone() == (
            "1.5 GiB",
        )


@pytest.mark.parametrize("size", ["plenty", "1GB'; select 1; --", "1 parsec"])
def test_what_is_no_size_is_refused_by_name(monkeypatch, size):
    monkeypatch.setenv(memory.MEMORY_VARIABLE, size)
    with duckdb.connect() as connection, pytest.raises(DbtRuntimeError, match="E_BAD_MEMORY"):
        Plugin.__new__(Plugin).configure_connection(connection)


def test_the_doctor_says_what_there_is_and_what_to_set(tmp_path, capsys, monkeypatch):
    load = tmp_path / "raw" / "0001-0123456789ab"
    load.mkdir(parents=True)
    (load / "invoice_lines.parquet").write_bytes(b"0" * 1_000_000)
    manifests = [{"records": 1_500_000}, {"records": 20}]
    monkeypatch.setenv(memory.MEMORY_VARIABLE, "3GB")
    monkeypatch.setenv(doctor.THREADS_VARIABLE, "1")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    found = dict(doctor.findings(tmp_path, manifests))
    assert found["data"].startswith("1,500,020 lines in 2 load(s)")
    assert "a build takes 3GB" in found["memory"]
    assert "=8GB" not in found["memory"]
    assert f"{doctor.THREADS_VARIABLE}=8 uses them all" in found["cores"]
    assert "may need 0.1 GB" in found["disk"]
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    assert "free some" in dict(doctor.findings(tmp_path, manifests))["disk"]


def test_the_doctor_of_a_directory_that_is_not_there_changes_nothing(tmp_path, capsys):
    assert main(["doctor", f"--data-dir={tmp_path / 'none'}"]) == 0
    said = capsys.readouterr().out
    assert "a build takes the sample" in said
    assert [line.split()[0] for line in said.splitlines()] == [
        *("versions", "data", "memory", "cores", "disk", "spill")
    ]
    assert not (tmp_path / "none").exists()
