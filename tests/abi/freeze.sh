#!/usr/bin/env bash
# Freezes the ABI as it is now: freeze.sh VERSION
#
# Copies the headers to VERSION/include, compiles the connectors of VERSION/source with those copies and
# nothing else, and writes the dump that guard.py compares with. Once a version has been released, its
# folder is never written again; while ABI 1 is a draft, this is run after each change of its headers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
version=${1:?usage: freeze.sh VERSION, for instance 1.0}
cc=${CC:-cc}
[[ $(uname -m) == x86_64 ]] || { echo "freeze.sh: the kept .so files are for x86-64" >&2; exit 1; }
[[ -d $version/source ]] || { echo "freeze.sh: $version/source is missing: copy that of the last version" >&2; exit 1; }

rm -rf "$version/include"
mkdir -p "$version/include"
cp -r ../../core/include/rowhouse "$version/include/"

for source in "$version"/source/*.c; do
    name=$(basename "$source" .c)
    "$cc" -std=gnu17 -O2 -shared -fPIC -Wall -Wextra -Wno-unused-parameter -I "$version/include" \
        -ffile-prefix-map="$PWD=." -Wl,--version-script=../../sdk/connector/connector.map \
        -Wl,-z,defs,-z,now,-z,relro,-z,noexecstack -Wl,--build-id=none -s -o "$version/$name.so" "$source"
done

python3 guard.py --dump "$version/include" "$version/abi.xml"
python3 guard.py
