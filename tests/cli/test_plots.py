"""Small plots of characters."""

import pytest

from bigbird_cli.cli.plots import Curve, plot, sparkline


def test_a_line_of_blocks_goes_from_the_least_to_the_greatest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 0, 7, 7], 2) == "▁█"
    assert len(set(sparkline([3, 3, 3], 9))) == 1
    assert sparkline([], 9) == ""


@pytest.mark.parametrize("values", [[0.0, 7.0], [0.0, 1, 2, 3, 4, 5, 6, 7], [float(i // 9) for i in range(72)]])
def test_a_rising_curve_goes_from_the_lower_left_to_the_upper_right(values: list[float]) -> None:
    assert plot(values, width=4, height=2) == ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]


def test_a_steep_curve_has_no_gap() -> None:
    assert plot([0.0, 0, 0, 0, 9, 9, 9, 9], width=4, height=2) == ["⠀⠀⡏⠉", "⣀⣀⠇⠀"]


def test_a_curve_of_one_value_lies_in_the_middle() -> None:
    assert plot([5.0], width=3, height=1) in (["⠒⠒⠒"], ["⠤⠤⠤"])


def test_a_long_curve_keeps_few_points_and_its_shape() -> None:
    curve = Curve()
    for i in range(100_000):
        curve.add(i)
    assert 256 <= len(curve.points) <= 512
    assert curve.points == sorted(curve.points)
    assert curve.points[0] < 1000
    assert curve.points[-1] > 99_000


def test_a_smoothed_curve_wavers_less() -> None:
    curve = Curve()
    for i in range(200):
        curve.add(i % 2)
    assert max(curve.smoothed[100:]) - min(curve.smoothed[100:]) < 0.2
