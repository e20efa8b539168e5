PLANTED_IN_TEMPORAL: set[str] = set()
