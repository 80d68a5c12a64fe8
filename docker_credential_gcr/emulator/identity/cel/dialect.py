"""Dialects of CEL: the names, functions and bounds that one of Google's APIs documents."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

# The type of a value, as far as it is known before the evaluation.
Kind = Enum("Kind", "ANY BOOL NULL RECORD TEXT")


@dataclass(frozen=True)
class Dialect:
    """What an API's expressions may contain.

    `members` are the methods and the declared fields of values of a kind, each with the kind of its result.
    Where none are of ANY, types are checked before the evaluation, and a method takes one literal.
    """

    error: type[Exception]
    tokens: "re.Pattern[str]"
    max_size: int
    variables: Mapping[str, Kind]
    members: Mapping[Kind, Mapping[str, Kind]]
    relations: frozenset[str]
    functions: frozenset[str] = frozenset()
    macros: frozenset[str] = frozenset()
    max_operators: float = math.inf
