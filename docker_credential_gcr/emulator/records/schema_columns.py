"""What the modules of the schema have in common: the tables' collection, and the columns that most have."""

from sqlalchemy import Column, ForeignKey, Integer, MetaData

metadata = MetaData()


def new_id() -> Column[int]:
    """The row's number."""
    return Column("id", Integer, primary_key=True)


def new_reference(name: str, target: str, *, index: bool = False) -> Column[int]:
    """The row of another table that this one ends with."""
    return Column(name, Integer, ForeignKey(target, ondelete="CASCADE"), nullable=False, index=index)
