import pytest

from modeling_aullm.facs import ACTION_UNITS, AU_SETS, RELATION_TYPES, RELATIONS, check_action_units, relations_among


def test_every_unit_is_fully_described():
    for code, unit in ACTION_UNITS.items():
        assert code == f"AU{unit.number}" == unit.code
        assert unit.name and unit.muscle and unit.region
        assert all(0 < x < 1 and 0 < y < 1 for x, y in unit.sites)


def test_sites_are_symmetric():
    for unit in ACTION_UNITS.values():
        assert {(round(1 - x, 6), y) for x, y in unit.sites} == {(round(x, 6), y) for x, y in unit.sites}


def test_sets_are_those_of_the_papers():
    assert [int(code[2:]) for code in AU_SETS["cd6me"]] == [1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17]
    assert [int(code[2:]) for code in AU_SETS["samm"]] == [2, 4, 7, 12]
    for codes in AU_SETS.values():
        check_action_units(codes)


def test_relations_are_typed_sourced_and_single():
    pairs = [frozenset((relation.first, relation.second)) for relation in RELATIONS]
    assert len(set(pairs)) == len(pairs)
    for relation in RELATIONS:
        assert relation.type in RELATION_TYPES and relation.source
        check_action_units([relation.first, relation.second])


def test_relations_among_keeps_only_edges_inside_the_set():
    found = relations_among(AU_SETS["samm"])
    assert [(edge.first, edge.second) for edge in found] == [("AU4", "AU7")]


@pytest.mark.parametrize("codes", [["AU3"], [], ["AU1", "AU1"], ["12"]])
def test_bad_units_are_refused(codes):
    with pytest.raises(ValueError, match="AU|action units"):
        check_action_units(codes)


def test_an_unknown_unit_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'AU99'; known are AU1, AU2"):
        check_action_units(["AU1", "AU99"])
