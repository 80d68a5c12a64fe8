"""Environments of CEL: the names, functions and limits that a Google API documents."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

# The type of a value, as far as known before the evaluation.
Kind = Enum("Kind", "ANY BOOL NULL RECORD TEXT")


@dataclass(frozen=True)
class Environment:
    """The syntax that an API's expressions may use.

    `members` are the methods and declared fields of values of a kind, with the kind of each result. An
    environment without members of ANY checks types before the evaluation, and its methods take one literal.
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
