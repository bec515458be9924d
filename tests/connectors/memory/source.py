"""The table in memory."""
NEEDS = None


def make(name, rows, folder):
    return {"config": {"name": name}, "create": True}
