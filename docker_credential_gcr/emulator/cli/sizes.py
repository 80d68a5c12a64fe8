"""Sizes in bytes, as people read them."""

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def format_size(size: float) -> str:
    """512 B, 1.5 KiB, 70.0 MiB."""
    if size < 1024:
        return f"{size:.0f} B"
    for unit in _UNITS:
        size /= 1024
        if size < 1023.95 or unit == _UNITS[-1]:
            break
    return f"{size:.1f} {unit}"
