import pytest

from bench.figures import Figures, figures_of, medians, percentile


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0), (0.26, 2.0), (1.0, 4.0), (0.0, 1.0)]
)
def test_a_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == expected


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_figures_are_a_rate_and_latencies_in_milliseconds() -> None:
    seconds = [0.001 * number for number in range(100, 0, -1)]

    assert figures_of(seconds, during=4.0) == Figures(rps=25.0, p50=50.0, p95=95.0, p99=99.0)


def test_each_figure_has_its_own_median_over_the_rounds() -> None:
    rounds = [Figures(10, 1, 9, 90), Figures(30, 3, 7, 70), Figures(20, 2, 8, 80)]

    assert medians(rounds) == Figures(20, 2, 8, 80)


def test_one_bad_round_changes_no_median() -> None:
    calm = Figures(1000, 1, 2, 3)

    assert medians([calm, Figures(3, 500, 900, 999), calm]) == calm
