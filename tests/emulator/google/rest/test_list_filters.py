"""Filters of lists: their work grows with the item, and not with the item times the filter."""

import pytest

from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.list_filters import parse_filter

FIELDS = ("name", "annotations")
TEXT = " OR ".join(["annotations.*a*:*x*"] * 5 + ["annotations.b:y"] * 5)


class CountedText(str):
    """A text that counts how often the letters of all such texts are folded."""

    folded = 0

    def lower(self) -> str:
        CountedText.folded += 1
        return super().lower()


@pytest.mark.parametrize("join", [" OR ", " AND "])
def test_annotations_are_folded_once_for_all_conditions(join: str) -> None:
    CountedText.folded = 0
    test = parse_filter({"filter": TEXT.replace(" OR ", join)}, FIELDS)
    assert test is not None

    assert not test({"annotations": {CountedText("Key"): CountedText("Value")}})

    assert CountedText.folded == 2


@pytest.mark.parametrize("term", ["annotations.a", "annotations.*a*:*x*", "annotations.`a`:`x`"])
@pytest.mark.parametrize("join", [" OR ", " AND "])
def test_a_filter_has_at_most_ten_conditions_on_annotations(term: str, join: str) -> None:
    assert parse_filter({"filter": join.join(["name=x", *[term] * 10])}, FIELDS) is not None

    with pytest.raises(InvalidArgument) as refused:
        parse_filter({"filter": join.join([term] * 11)}, FIELDS)

    assert str(refused.value) == "Invalid filter: it has more than 10 conditions on annotations."


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name=*", ["", "ab"]),
        ("name=**", ["", "ab"]),
        ('name=""', [""]),
        ("name=A*", ["ab"]),
        ("name=*B", ["ab"]),
        ("name=*b*", ["ab"]),
        ("name=a*b", []),
    ],
)
def test_a_wildcard_is_at_the_ends(text: str, names: list[str]) -> None:
    test = parse_filter({"filter": text}, FIELDS)
    assert test is not None
    assert [name for name in ("", "ab") if test({"name": name})] == names
