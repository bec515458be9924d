"""The table on MariaDB."""
import os

NEEDS = "ROWHOUSE_TEST_MARIADB"


def make(name, rows, folder):
    return {"config": {"url": os.environ[NEEDS]}, "create": True}
