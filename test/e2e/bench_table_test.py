"""The table of ./run bench: medians over rounds, ratios of medians, and verdicts that can be MISSED."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import bench_table  # noqa: E402


def row_of(text, name):
    return next(line.split() for line in bench_table.table(text.splitlines(), False).splitlines() if line.startswith(name))


def test_a_limit_is_met_or_missed():
    text = "bench fast 4 ms max=5\nbench slow 6 ms max=5\nbench low 6 x/s min=7\nbench shown 1 ms\n"
    assert row_of(text, "fast")[-1] == "met"
    assert row_of(text, "slow")[-1] == "MISSED"
    assert row_of(text, "low")[-1] == "MISSED"
    assert "1 met, 2 missed, 0 not judged for want of a peer, 1 without a target" in bench_table.table(text.splitlines(), False)


def test_rounds_give_the_ratio_of_medians():
    text = "".join(f"bench get {ours} us peer=nginx:{peer} max_ratio=1.5 note=a b\n" for ours, peer in ((9, 5), (6, 1), (30, 4)))
    assert row_of(text, "get") == ["get", "9", "us", "nginx", "4", "2.25", "<=", "1.5x", "MISSED"]


def test_a_missing_peer_is_no_verdict_but_a_missed_limit_stays_one():
    assert row_of("bench a 1 us max_ratio=2 skip=nginx is not installed", "a")[-1] == "skipped"
    assert row_of("bench a 9 us max=5 max_ratio=2 skip=nginx is not installed", "a")[-1] == "MISSED"


def test_bad_lines_and_failed_benchmarks_are_shown():
    shown = bench_table.table(["bench x abc ms", "bench y 1 ms tarjet=3", "failed api no server"], False)
    assert "bad line: bench x abc ms" in shown and "unknown word 'tarjet=3'" in shown and "failed api no server" in shown
    assert "3 benchmarks failed" in shown
