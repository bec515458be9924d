"""The table on SQLite."""
NEEDS = None


def make(name, rows, folder):
    return {"config": {"path": str(folder / "same.db")}, "create": True}
