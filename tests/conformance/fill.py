"""Configurations of the suite, filled in: ${TMP} is a folder for this run, ${POSTGRES} the URL in
ROWHOUSE_TEST_POSTGRES, ${POSTGRES_HOST} and ${POSTGRES_PORT} its parts; so for every server."""
import os
import re
import sqlite3
import urllib.parse


class Missing(Exception):
    """A server that the configuration needs is not there."""


def value(name, tmp):
    if name == "TMP":
        return tmp
    server, _, part = name.partition("_")
    url = os.environ.get("ROWHOUSE_TEST_" + server)
    if not url:
        raise Missing(f"ROWHOUSE_TEST_{server} is not set")
    parts = urllib.parse.urlsplit(url)
    return {"": url, "HOST": parts.hostname, "PORT": str(parts.port), "USER": parts.username or "",
            "PASSWORD": parts.password or "", "DATABASE": parts.path.lstrip("/")}[part]


def fill(path, tmp):
    """The configuration's text. Makes the file that SQLite's expects to be there."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"\$\{([A-Z_]+)\}", lambda match: value(match[1], tmp), text)
    if f"{tmp}/check.db" in text:
        with sqlite3.connect(f"{tmp}/check.db") as database:
            database.execute("CREATE TABLE given (id INTEGER PRIMARY KEY, v TEXT)")
            database.execute("INSERT INTO given VALUES (1, 'given'), (2, NULL)")
    return text
