"""The table on PostgreSQL."""
import os

NEEDS = "ROWHOUSE_TEST_POSTGRES"


def make(name, rows, folder):
    return {"config": {"url": os.environ[NEEDS]}, "create": True}
