"""The table through ODBC, with the drivers of three databases."""
import os
import urllib.parse


class Driver:
    """A database behind its driver: `string` says where, with the parts of the server's URL."""

    def __init__(self, driver, needs, string):
        self.NEEDS, self.driver, self.string = needs, driver, string

    def make(self, name, rows, folder):
        url = urllib.parse.urlsplit(os.environ[self.NEEDS] if self.NEEDS else "")
        parts = {"host": url.hostname, "port": url.port, "user": url.username, "database": url.path.lstrip("/")}
        return {"connector": "odbc", "create": True,
                "config": {"driver": self.driver,
                           "connection_string": self.string.format(folder=folder, **parts)}}


SERVER = "Server={host};Port={port};Database={database};UID={user}"
SOURCES = {
    "odbc_postgres": Driver("PostgreSQL Unicode", "ROWHOUSE_TEST_POSTGRES", SERVER),
    "odbc_mariadb": Driver("MariaDB Unicode", "ROWHOUSE_TEST_MARIADB", SERVER),
    "odbc_sqlite": Driver("SQLite3", None, "Database={folder}/same.db"),
}
