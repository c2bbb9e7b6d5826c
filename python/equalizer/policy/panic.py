"""When so few servers are well that probes are not believed: an overloaded pool would end in one server."""


def panics(well: int, of: int, share: float | None) -> bool:
    """Whether fewer than `share` of `of` servers are well; None for a pool that never panics."""
    return share is not None and well < share * of
