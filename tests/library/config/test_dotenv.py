"""The file .env is read as systemd reads its EnvironmentFile, and a line that is none is told, without its content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcar_mqtt.config.dotenv import NAME, parse


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=1\rB=2", {"A": "1", "B": "2"}),
        ("  A \t=  two words \t \n", {"A": "two words"}),
        ("# comment\n; another\n  # indented\n\nA=1", {"A": "1"}),
        ("# comment that ends in a backslash \\\nA=1", {"A": "1"}),
        ("A=x # y", {"A": "x # y"}),
        ("A=x#y", {"A": "x#y"}),
        ("A='x' # y", {"A": "x# y"}),
        ("A=", {"A": ""}),
        ("A=''", {"A": ""}),
        ("A='  x\\n\"$B '", {"A": '  x\\n"$B '}),
        ("A='two\nlines'\nB=1", {"A": "two\nlines", "B": "1"}),
        ('A="x\\"y\\\\z\\$\\`\\n\\q"', {"A": 'x"y\\z$`\\n\\q'}),
        ('A="joined \\\nlines"', {"A": "joined lines"}),
        ("A='x''y'\"z\" w", {"A": "xyzw"}),
        ("A=x\"y\"'z'", {"A": "x\"y\"'z'"}),
        ("A=x\\y\\\\z\\'", {"A": "xy\\z'"}),
        ("A=first \\\n  second", {"A": "first   second"}),
        ("A=x\\ ", {"A": "x "}),
        ("A=a=b==", {"A": "a=b=="}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=$HOME ${B} `id` $(id)", {"A": "$HOME ${B} `id` $(id)"}),
        ("export A=1\nexport\tB=2", {"A": "1", "B": "2"}),
        ("A=p@ss:w/o?r#d%20 é", {"A": "p@ss:w/o?r#d%20 é"}),
        ("A='open\nB=2", {"A": "open\nB=2"}),
        ("", {}),
    ],
)
def test_the_grammar_is_that_of_systemd(text: str, values: dict[str, str]) -> None:
    assert parse(text).values == values


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hunter2\nA=1", 1), ("A=1\n\n# x\nhunter2", 4), ("A='1\n2'\nhunter2 x", 3), ("A=1\r\nhunter2\r\n", 2),
        ("my-password=hunter2", 1), ("1A=hunter2", 1), ("=hunter2", 1), ("A B=hunter2", 1), ("A: hunter2", 1),
        ("ÄB=hunter2", 1), ("A=hunter2\0", 1), ("export A-B=hunter2", 1), ("export hunter2", 1),
        ("\ufeff\ufeffA=hunter2", 1),
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_told_with_its_number_and_without_its_content(text: str, line: int) -> None:
    found = parse(text)
    assert found.dropped == [f"line {line}: is left out: it is not NAME=value"]
    assert "hunter2" not in str(found.values)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A='hunter2", "line 1: the quotation mark is not closed"),
        ('\nA="hunter2\nB=1', "line 2: the quotation mark is not closed"),
        ("A=hunter2 # mine", "line 1: a # after a value is part of it"),
        ("A='hunter2' # mine", "line 1: a # after a value is part of it"),
        ("export A=hunter2", "line 1: systemd leaves out lines with 'export'"),
    ],
)
def test_what_may_be_meant_otherwise_is_told(text: str, sentence: str) -> None:
    (told,) = parse(text).doubtful
    assert told.startswith(sentence)
    assert "hunter2" not in told


@pytest.mark.parametrize("text", ["A='x # y'", 'A="x # y"', "A=x#y", "# A=x # y", "A='it''s'"])
def test_what_is_clear_is_not_told(text: str) -> None:
    assert parse(text).doubtful == parse(text).dropped == []


@given(st.text("AB=' \"\\#;\n\r\tx$`é\0"))
def test_whatever_stands_there_gives_usable_variables(text: str) -> None:
    for name, value in parse(text).values.items():
        assert NAME.fullmatch(name)
        assert "\0" not in value


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_every_value_can_be_written(value: str) -> None:
    escaped = "".join(f"\\{each}" if each in '"\\$`' else each for each in value)
    assert parse(f'A="{escaped}"').values == {"A": value}
