"""The words that heads are tested with: common ones, ordered lists, first names, and sentences that ask for a name.

Everyday words of many kinds, since a head may copy names and nothing else. Which of them a model reads as one token is
for its tokenizer to say (`word_tokens.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

CARRIERS = ("They said", "It was", "Then came", "Here is")  # the tested word stands at the end


@dataclass(frozen=True)
class OrderedList:
    """Things in an order that everybody knows. is_cyclic: the first follows the last."""

    name: str
    items: tuple[str, ...]
    is_cyclic: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
NUMBER_WORDS = _words("one two three four five six seven eight nine ten eleven twelve")
ORDINALS = _words("first second third fourth fifth sixth seventh eighth ninth tenth")
LISTS = (
    OrderedList("days", DAYS, is_cyclic=True),
    OrderedList("months", MONTHS, is_cyclic=True),
    OrderedList("number words", NUMBER_WORDS),
    OrderedList("digits", tuple("0123456789")),
    OrderedList("ordinals", ORDINALS),
    OrderedList("letters", tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
)

NAMES = _words("""
    Mary John Anna Peter Tom Alice David Sarah James Emma Jack Lucy Paul Jane Mark Kate Ben Sam Mike Laura Robert Helen
    George Susan Martin Julia Daniel Rose Simon Max Michael William Thomas Charles Henry Frank Tim Sue Lily Anne
    """)
PLACES = _words("London Paris Rome Berlin China Japan India France Spain Italy Germany Russia Canada Mexico")
NOUNS = _words("""
    time year people day man thing woman life child world school state family student group country problem hand part
    place case week company system program question government number night point home water room mother area money
    story month study book eye job word business side head house service friend father power hour game line law car city
    name president team minute idea body back face level office door health person art war history party result morning
    reason girl boy moment teacher education dog cat bird fish horse sun moon rain snow wind fire river garden flower
    tree grass stone bread milk apple king queen ball box ship boat train bed chair table window key ring letter song
    music market doctor paper phone picture
    """)
OTHER_WORDS = _words("""
    red blue green white black yellow big small good new great high long large young early happy sad fast slow warm cold
    soft hard run walk jump eat drink sleep read write play sing open close buy sell give take speak
    """)
MORE_NAMES = _words(
    """
    Olivia Noah Sophia Jerry Liam Ava Isabella Mia Ethan Logan Mason Elizabeth Emily Madison Chloe Hannah Abigail Grace
    Victoria Samantha Natalie Jessica Jennifer Amy Lisa Karen Nancy Betty Sandra Ashley Kimberly Donna Carol Michelle
    Amanda Melissa Deborah Stephanie Rebecca Sharon Cynthia Kathleen Angela Nicole Rachel Carolyn Janet Maria Heather
    Diane Joyce Christine Catherine Joan Olga Anne Elena Sofia Joseph Christopher Matthew Anthony Donald Steven Andrew
    Kenneth Joshua Kevin Brian Edward Ronald Timothy Jason Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry
    Justin Scott Brandon Benjamin Samuel Gregory Alexander Patrick Dennis Tyler Aaron Jose Adam Nathan Douglas Zachary
    Kyle Ethan Walter Harold Jeremy Keith Roger Terry Austin Sean Gerald Carl Arthur Lawrence Dylan Jordan Jesse Bryan
    Billy Bruce Gabriel Joe Logan Alan Juan Albert Willie Wayne Randy Vincent Bobby Johnny Bradley Jim Bob Bill Dan Dave
    Steve Chris Matt Nick Alex Lily Ella Zoe Leo Oscar Felix Hugo Ivan Omar Ali Ahmed Fatima Aisha Wei Ming Yuki Priya
    """
)
KNOWN_NAMES = tuple(dict.fromkeys((*NAMES, *MORE_NAMES)))  # that are told from other words in a text; NAMES are tested
COMMON = (*NOUNS, *OTHER_WORDS, *NAMES, *PLACES)

NAME_TEMPLATES = (
    "Then {a} and {b} had a long talk. {s} handed the letter to",
    "When {a} and {b} went to the shop, {s} gave the milk to",
    "Then {a} and {b} played in the park. {s} threw the ball to",
    "After {a} and {b} came home, {s} gave the book to",
)  # {s} is one of the two, and the other one is asked for
N_NAME_SENTENCES = 64
