"""Connectors for tests of packages: built from the example of the documentation, signed, installed."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ROWHOUSE_BUILD", ROOT / "build/release"))
SOURCE = ROOT / "docs/examples/hello_connector.c"
CRASH = "__attribute__((constructor)) static void crash(void) { __builtin_trap(); }\n"


def environment(**more):
    """Ours without the settings that these tests are about."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ROWHOUSE_") or k.startswith("ROWHOUSE_PLUGINS_")}
    kept.update(more)
    return kept


def build(folder, id="acme", version="1.0.0", word="hello", extra=""):
    """<folder>/<id>-<version>.so, whose table "greetings" begins with the word. Its path."""
    text = SOURCE.read_text().replace('TEXT("hello")', f'TEXT("{id}")').replace('TEXT("1.0")', f'TEXT("{version}")')
    text = text.replace('{"hello", "hei", "bonjour"}', f'{{"{word}", "hei", "bonjour"}}')
    assert f'TEXT("{version}")' in text and f'"{word}"' in text
    folder = pathlib.Path(folder)
    source = folder / f"{id}-{version}-{word}.c"
    source.write_text(text + extra)
    target = source.with_suffix(".so")
    subprocess.run(["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-I", str(ROOT / "core/include"), str(source),
                    "-o", str(target), "-Wl,-z,now", "-Wl,-z,relro"], check=True)
    return target


def rowhouse(*words, status=0, **more):
    result = subprocess.run([str(BUILD / "bin/rowhouse"), *map(str, words)], capture_output=True, text=True,
                            timeout=120, env=environment(**more))
    assert result.returncode == status, result.stdout + result.stderr
    return result


class Vendor:
    """A pair of keys, and what is done with it."""

    def __init__(self, folder, name="vendor"):
        self.folder = pathlib.Path(folder)
        self.key = self.folder / (name + ".key")
        self.public = self.folder / (name + ".pub")
        rowhouse("connector", "keygen", self.folder / name)

    def trusted_in(self, trust, level="vendors"):
        """Puts the public key into a trust folder."""
        keys = pathlib.Path(trust) / level
        keys.mkdir(parents=True, exist_ok=True)
        (keys / self.public.name).write_text(self.public.read_text())
        return self

    def sign(self, library, *options, out=None):
        """The package's folder."""
        out = out or self.folder / "packages"
        said = rowhouse("connector", "sign", library, "--key", self.key, "--out", out, *options).stdout
        return pathlib.Path(said.split(" in ")[1].split(" with the key ")[0])

    def key_name(self):
        return self.public.read_text().split("public key ")[1].split()[0]
