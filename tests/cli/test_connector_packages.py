"""rowhouse connector keygen, sign, verify, install, list, remove; and minisign on the same files."""
import json
import pathlib
import shutil
import stat
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from packages import CRASH, Vendor, build, rowhouse  # noqa: E402

needs_minisign = pytest.mark.skipif(not shutil.which("minisign"), reason="minisign is not installed")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return {version: build(folder, version=version, word="v" + version.replace(".", ""))
            for version in ("1.3.0", "1.4.0", "1.10.0-rc.1")}


@pytest.fixture
def place(tmp_path):
    """A trust folder with a vendor, a folder of installed connectors."""
    class Place:
        trust = tmp_path / "trust"
        installed = tmp_path / "connectors"
        settings = {"ROWHOUSE_TRUST": str(trust), "ROWHOUSE_CONNECTORS": str(installed)}
        vendor = Vendor(tmp_path, "acme-ltd").trusted_in(trust)

        def run(self, *words, status=0):
            return rowhouse("connector", *words, status=status, **self.settings)

    return Place()


# ---- Keys and signatures

def test_keys_are_private_and_never_overwritten(tmp_path):
    said = rowhouse("connector", "keygen", tmp_path / "a").stdout
    assert "keep it to yourself" in said
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    before = (tmp_path / "a.key").read_bytes()
    assert "never overwritten" in rowhouse("connector", "keygen", tmp_path / "a", status=1).stderr
    (tmp_path / "a.pub").unlink()
    assert "a.key: is there already" in rowhouse("connector", "keygen", tmp_path / "a", status=1).stderr
    assert (tmp_path / "a.key").read_bytes() == before
    (tmp_path / "b.pub").write_text("mine")
    rowhouse("connector", "keygen", tmp_path / "b", status=1)
    assert (tmp_path / "b.pub").read_text() == "mine" and not (tmp_path / "b.key").exists()


@needs_minisign
def test_minisign_verifies_what_we_sign(place, built):
    package = place.vendor.sign(built["1.3.0"])
    said = subprocess.run(["minisign", "-V", "-p", place.vendor.public, "-m", package / "manifest.json"],
                          capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "connector:acme 1.3.0" in said.stdout
    manifest = package / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    said = subprocess.run(["minisign", "-V", "-p", place.vendor.public, "-m", manifest], capture_output=True)
    assert said.returncode != 0


@needs_minisign
def test_we_verify_what_minisign_signs(place, built, tmp_path):
    package = place.vendor.sign(built["1.3.0"])
    subprocess.run(["minisign", "-G", "-W", "-p", tmp_path / "m.pub", "-s", tmp_path / "m.key"], check=True,
                   capture_output=True)
    (package / "manifest.json.minisig").unlink()
    subprocess.run(["minisign", "-S", "-s", tmp_path / "m.key", "-m", package / "manifest.json", "-t", "theirs"],
                   check=True, capture_output=True)
    assert "which is not trusted" in place.run("verify", package, status=1).stderr
    shutil.copy(tmp_path / "m.pub", place.trust / "vendors/theirs.pub")
    assert "theirs" in place.run("verify", package).stdout
    # And we sign with a key that minisign made.
    shutil.rmtree(package)
    rowhouse("connector", "sign", built["1.3.0"], "--key", tmp_path / "m.key", "--out", package.parents[1])
    assert "theirs" in place.run("verify", package).stdout


@needs_minisign
def test_passphrases_are_minisigns(tmp_path, built):
    (tmp_path / "word").write_text("open sesame\n")
    (tmp_path / "wrong").write_text("sesame\n")
    rowhouse("connector", "keygen", tmp_path / "locked", "--passphrase-file", tmp_path / "word")
    (tmp_path / "data").write_text("data")
    signed = subprocess.run(["minisign", "-S", "-s", tmp_path / "locked.key", "-m", tmp_path / "data"],
                            input="open sesame\n", capture_output=True, text=True)
    assert signed.returncode == 0, signed.stderr
    words = ["connector", "sign", built["1.3.0"], "--key", tmp_path / "locked.key", "--out", tmp_path / "out"]
    assert "passphrase is wrong" in rowhouse(*words, "--passphrase-file", tmp_path / "wrong", status=1).stderr
    assert not (tmp_path / "out/acme").exists()
    rowhouse(*words, "--passphrase-file", tmp_path / "word")
    subprocess.run(["minisign", "-V", "-p", tmp_path / "locked.pub", "-m", tmp_path / "out/acme/1.3.0/manifest.json"],
                   check=True, capture_output=True)


# ---- Signing

def test_a_manifest_is_made_of_the_connector(place, built):
    package = place.vendor.sign(built["1.3.0"], "--network", "--port", "443", "--host", "*.acme.com",
                                "--read", "/etc/ssl", "--memory", "128")
    assert package.parts[-2:] == ("acme", "1.3.0")
    manifest = json.loads((package / "manifest.json").read_text())
    assert manifest["id"] == "acme" and manifest["version"] == "1.3.0" and manifest["vendor"] == "You"
    assert manifest["abi"] == {"major": 1, "min_minor": 0, "max_minor": None}
    assert manifest["library"] == "acme.so" and manifest["run"] == "isolated"
    assert manifest["files"]["acme.so"]["bytes"] == built["1.3.0"].stat().st_size
    assert manifest["permissions"] == {"network": True, "ports": [443], "hosts": ["*.acme.com"],
                                       "read": ["/etc/ssl"], "write": [], "memory_mib": 128}
    assert "is there already" in rowhouse("connector", "sign", built["1.3.0"], "--key", place.vendor.key, "--out",
                                          package.parents[1], status=1).stderr


def test_a_folder_is_signed_again_after_changes(place, built):
    package = place.vendor.sign(built["1.3.0"])
    (package / "LICENSE").write_text("Do as you like.")
    assert "LICENSE: is not listed" in place.run("verify", package, status=1).stderr
    manifest = json.loads((package / "manifest.json").read_text())
    manifest["permissions"]["network"] = True
    (package / "manifest.json").write_text(json.dumps(manifest))
    place.run("sign", package, "--key", place.vendor.key)
    said = place.run("verify", package).stdout
    assert "LICENSE, 15 bytes: as signed" in said and "network      yes" in said
    manifest["version"] = "9.9"
    (package / "manifest.json").write_text(json.dumps(manifest))
    assert "the connector acme 1.3.0" in place.run("sign", package, "--key", place.vendor.key, status=1).stderr
    assert "edit it" in place.run("sign", package, "--key", place.vendor.key, "--network", status=1).stderr


def test_the_authors_manifest_is_taken(place, built, tmp_path):
    written = {"manifest": 1, "title": "ACME for all", "permissions": {"network": True, "ports": [443]}}
    (tmp_path / "m.json").write_text(json.dumps(written))
    package = place.vendor.sign(built["1.3.0"], "--manifest", tmp_path / "m.json")
    manifest = json.loads((package / "manifest.json").read_text())
    assert manifest["title"] == "ACME for all" and manifest["version"] == "1.3.0"
    assert manifest["permissions"]["ports"] == [443] and manifest["vendor"] == "You"
    assert "memory       512 MiB" in place.run("verify", package).stdout
    sign = ["sign", built["1.4.0"], "--key", place.vendor.key, "--manifest", tmp_path / "m.json"]
    assert "edit it" in place.run(*sign, "--network", status=1).stderr
    for change, told in (({"id": "other"}, "the connector acme"), ({"colour": "red"}, "colour is not known")):
        (tmp_path / "m.json").write_text(json.dumps(dict(written, **change)))
        assert told in place.run(*sign, status=1).stderr
    (tmp_path / "m.json").write_text("{")
    assert "m.json" in place.run(*sign, status=1).stderr
    (tmp_path / "m.json").unlink()
    assert "m.json" in place.run(*sign, status=1).stderr


@pytest.mark.parametrize("words, told", [
    (["--port", "0"], "TCP port"), (["--read", "etc"], "absolute"), (["--memory", "much"], "whole number"),
    (["--host", "a b"], "host name"),
])
def test_permissions_are_checked_when_signing(place, built, words, told):
    assert told in rowhouse("connector", "sign", built["1.3.0"], "--key", place.vendor.key, "--out",
                            place.vendor.folder / "p", *words, status=1).stderr


def test_what_crashes_is_not_signed(place, tmp_path):
    crash = build(tmp_path, version="2.0.0", extra=CRASH)
    said = rowhouse("connector", "sign", crash, "--key", place.vendor.key, "--out", tmp_path / "p", status=1).stderr
    assert "2.0.0" in said


def test_signing_needs_a_key(built, tmp_path):
    assert "give --key" in rowhouse("connector", "sign", built["1.3.0"], status=1).stderr
    (tmp_path / "no.key").write_text("nothing")
    assert "no secret key" in rowhouse("connector", "sign", built["1.3.0"], "--key", tmp_path / "no.key",
                                       status=1).stderr


# ---- Verifying

def test_verify_says_who_signed_and_what_it_may(place, built):
    package = place.vendor.sign(built["1.3.0"])
    said = place.run("verify", package).stdout
    for told in ("level        vendor", "signer       acme-ltd", place.vendor.key_name(), "runs         isolated",
                 "acme.so, ", "as signed"):
        assert told in said
    assert "which is not trusted" in rowhouse("connector", "verify", package, status=1).stderr


def test_verify_shows_the_file_that_was_changed(place, built):
    package = place.vendor.sign(built["1.3.0"])
    data = bytearray((package / "acme.so").read_bytes())
    data[len(data) // 2] ^= 1
    (package / "acme.so").write_bytes(data)
    said = place.run("verify", package, status=1)
    assert "is damaged: its SHA-256" in said.stdout and "is damaged: its SHA-256" in said.stderr
    assert "level        refused" in said.stdout


# ---- Installing

def test_install_list_remove(place, built):
    for version in ("1.3.0", "1.4.0", "1.10.0-rc.1"):
        said = place.run("install", place.vendor.sign(built[version])).stdout
        assert f"installed acme {version}" in said and "vendor, signed by acme-ltd" in said
    lines = [line for line in place.run("list").stdout.splitlines() if line.startswith("acme")]
    assert [line.split()[1] for line in lines] == ["1.10.0-rc.1", "1.4.0", "1.3.0"]
    assert "isolated" in lines[0] and "only when asked for" not in lines[0]
    assert all("only when asked for by version" in line for line in lines[1:])
    assert [p for p in place.installed.iterdir() if p.name.startswith(".")] == []
    said = place.run("remove", "acme@1.10.0-rc.1").stdout
    assert "Datasources that use it are kept" in said
    assert "is not installed" in place.run("remove", "acme@1.10.0-rc.1", status=1).stderr
    place.run("remove", "acme")
    assert list(place.installed.iterdir()) == []
    for word in ("../x", "acme@../..", "acme@", ""):
        place.run("remove", word, status=2)


def test_the_highest_version_answers(place, built):
    for version in ("1.3.0", "1.4.0"):
        place.run("install", place.vendor.sign(built[version]))
    rows = json.loads(rowhouse("query", "acme:", "greetings", "--format", "json", **place.settings).stdout)
    assert rows[0]["text"] == "v140"


def test_installing_again_changes_nothing_and_other_bytes_are_an_error(place, built, tmp_path):
    package = place.vendor.sign(built["1.3.0"])
    place.run("install", package)
    assert "there already" in place.run("install", package).stdout
    other = place.vendor.sign(build(tmp_path, version="1.3.0", word="other"), out=tmp_path / "others")
    said = place.run("install", other, status=1).stderr
    assert "is installed already, and is not the same" in said and "remove acme@1.3.0" in said
    place.run("verify", place.installed / "acme/1.3.0")


def test_what_was_damaged_since_is_not_there_already(place, built):
    package = place.vendor.sign(built["1.3.0"])
    place.run("install", package)
    installed = place.installed / "acme/1.3.0/acme.so"
    installed.write_bytes(installed.read_bytes() + b"x")
    said = place.run("install", package, status=1).stderr
    assert "is installed already, but not whole" in said and "is damaged" in said and "remove acme@1.3.0" in said
    place.run("remove", "acme@1.3.0")
    place.run("install", package)
    place.run("verify", place.installed / "acme/1.3.0")


def test_nothing_is_installed_that_would_not_run(place, built, tmp_path):
    package = place.vendor.sign(built["1.3.0"])
    (place.trust / "vendors/acme-ltd.pub").unlink()
    assert "which is not trusted" in place.run("install", package, status=1).stderr
    assert not place.installed.exists() or list(place.installed.iterdir()) == []
    (package / "manifest.json.minisig").unlink()
    assert "unsigned_connectors" in place.run("install", package, status=1).stderr
    said = place.run("install", package, "--unsigned", "acme").stdout
    assert "(unsigned)" in said
    # A bundled connector's id.
    place.vendor.trusted_in(place.trust)
    sqlite = place.vendor.sign(build(tmp_path, id="sqlite", version="99.0"), out=tmp_path / "bad")
    assert "is the id of a bundled connector" in place.run("install", sqlite, status=1).stderr
    assert not (place.installed / "sqlite").exists()


def test_where_to_install_must_be_known(built, place):
    package = place.vendor.sign(built["1.3.0"])
    assert "ROWHOUSE_CONNECTORS" in rowhouse("connector", "install", package, status=2).stderr


def test_revoked_versions_are_listed_with_their_reason(place, built):
    place.run("install", place.vendor.sign(built["1.3.0"]))
    place.run("install", place.vendor.sign(built["1.4.0"]))
    (place.trust / "revoked").write_text("version acme@1.4.0 it leaks\n")
    said = place.run("list", status=1).stdout
    assert "it leaks" in said
    assert [line.split()[:3] for line in said.splitlines() if line.startswith("acme")] == \
        [["acme", "1.4.0", "refused"], ["acme", "1.3.0", "vendor"]]
    (place.trust / "revoked").write_text("nonsense\n")
    assert "line 1 cannot be understood" in place.run("list", status=1).stdout


def test_first_party_connectors_may_run_in_process(place, built):
    place.vendor.trusted_in(place.trust, "first-party")
    (place.trust / "vendors/acme-ltd.pub").unlink()
    place.run("install", place.vendor.sign(built["1.3.0"], "--in-process"))
    line = [line for line in place.run("list").stdout.splitlines() if line.startswith("acme")][0]
    assert "first-party" in line and "in-process" in line
    settings = dict(place.settings, ROWHOUSE_ISOLATE="acme")
    line = [line for line in rowhouse("connector", "list", **settings).stdout.splitlines() if line.startswith("acme")][0]
    assert "isolated" in line


@pytest.mark.parametrize("verb", ["keygen", "sign", "verify", "install", "list", "remove"])
def test_help_teaches(verb):
    assert "Example:" in rowhouse("connector", verb, "--help").stdout
    assert verb in rowhouse("connector", "--help").stdout
