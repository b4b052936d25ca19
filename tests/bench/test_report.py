import math

from bench.report import figures_table, targets_table, verdicts


def row(rps: float, p50: float = 2.0, p99: float = 5.0, rss: float = 80) -> dict[str, float]:
    return {"rps": rps, "p50": p50, "p95": p99, "p99": p99, "rss_mb": rss}


def test_targets_that_are_just_reached_are_met() -> None:
    servers = {"raw": row(100), "kith": row(80, 1.0, 3.0, 90), "postgraphile": row(40), "mercurius": row(79)}

    found = verdicts({"page": servers})

    assert [verdict.met for verdict in found] == [True] * 5
    assert "5 of 5 targets met" in targets_table({"page": servers})


def test_each_target_is_missed_for_itself() -> None:
    servers = {"raw": row(100), "kith": row(79, 1.0, 3.1, 91), "postgraphile": row(40), "mercurius": row(79)}

    found = verdicts({"page": servers})

    assert [verdict.met for verdict in found] == [False] * 5
    assert "0 of 5 targets met" in targets_table({"page": servers})


def test_what_was_not_measured_has_no_verdict() -> None:
    assert [verdict.target for verdict in verdicts({"page": {"kith": row(5), "apollo": row(9)}})] == [
        "p99 / p50 <= 3",
        "RSS in MB <= 90",
    ]
    assert verdicts({"page": {"raw": row(5)}}) == []


def test_no_answer_at_all_is_a_missed_target_not_a_failure() -> None:
    (tail, _) = verdicts({"page": {"kith": row(0, 0.0, 0.0)}})

    assert tail.found == math.inf
    assert not tail.met


def test_the_table_sets_every_server_beside_the_raw_limit() -> None:
    table = figures_table({"page": {"raw": row(1000), "kith": row(870)}})

    assert "1.000" in table
    assert "0.870" in table
