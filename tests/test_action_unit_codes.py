import math

import pytest

from hub.licensed.action_unit_codes import ActionUnitCode, parse_action_units, present_units


def code(number, side="", intensity="", uncertain=False):
    return ActionUnitCode(number, side, intensity, uncertain)


@pytest.mark.parametrize(
    "cell, codes",
    [
        ("R12 + L15", [code(12, "R"), code(15, "L")]),
        ("AU4+7", [code(4), code(7)]),
        ("4 + 7", [code(4), code(7)]),
        ("14B", [code(14, intensity="B")]),
        ("R14A", [code(14, "R", "A")]),
        ("au12 + LAU14e", [code(12), code(14, "L", "E")]),
        ("14L", [code(14, "L")]),
        ("12LB", [code(12, "L", "B")]),
        ("4 (k)", [code(4, uncertain=True)]),
        ("AU1(k)+AU2", [code(1, uncertain=True), code(2)]),
        ("AU2( K )", [code(2, uncertain=True)]),
        ("4?+7", [code(4, uncertain=True), code(7)]),
        ("4,7", [code(4), code(7)]),
        ("4\uff0c7\uff0b\uff11\uff12", [code(4), code(7), code(12)]),  # full-width comma, plus and digits
        ("12+R12+12", [code(12), code(12, "R")]),
        (4, [code(4)]),
        (12.0, [code(12)]),
        ("4+", [code(4)]),
        ("none", []),
        ("No AU", []),
    ],
)
def test_what_coders_write(cell, codes):
    assert parse_action_units(cell) == codes


UNSAID = ["?", "", " ", None, math.nan, "nan", "/", "-", "??", "\uff1f", "n/a", "N/A", "#N/A", "Unknown", "unclear"]


@pytest.mark.parametrize("cell", [*UNSAID, "4+?", "?+R12B", "4 + unknown", "4 or ?", "+", " , "])
def test_a_cell_that_does_not_say_is_no_statement_that_nothing_is_there(cell):
    assert parse_action_units(cell) is None


@pytest.mark.parametrize(
    "cell, codes",
    [
        ("AU12B or R12 + R15", [code(12), code(15, "R", uncertain=True)]),
        ("L14 or R14", [code(14)]),
        ("12 or 12+14", [code(12), code(14, uncertain=True)]),
        ("14OR15", [code(14, uncertain=True), code(15, uncertain=True)]),
    ],
)
def test_of_several_readings_only_what_all_say_is_certain(cell, codes):
    assert parse_action_units(cell) == codes


@pytest.mark.parametrize("cell", ["happy", "12F", "L12R", "R", "4-7", "12 15", "(k)", "999", "3", "0", 4.5, True, b"4"])
def test_what_is_no_action_unit_is_named(cell):
    with pytest.raises(ValueError, match="action unit|FACS has no number"):
        parse_action_units(cell)


def test_codes_are_written_as_they_are_read():
    codes = [code(12), code(14, "R", "A"), code(4, uncertain=True), code(15, "L"), code(25, intensity="E")]
    assert [str(each) for each in codes] == ["12", "R14A", "4 (k)", "L15", "25E"]
    assert parse_action_units(" + ".join(map(str, codes))) == codes


def test_units_in_doubt_count_as_absent_unless_asked_for():
    codes = parse_action_units("12 + R4(k) + L12 + 1")
    assert present_units(codes) == ["AU1", "AU12"]
    assert present_units(codes, keep_uncertain=True) == ["AU1", "AU4", "AU12"]
    assert present_units([]) == []
