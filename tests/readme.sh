#!/bin/sh
# Each promise of the README names its tests behind a link to their file, and each of them is there.
set -eu
cd "$1"
rows=$(sed -n '/^## Promises/,/^## /p' README.md | sed -e '1,/^|--*|/d' -e '/^|/!d')
[ -n "$rows" ] || { echo "readme: no table of promises" >&2; exit 1; }
echo "$rows" | sed 's/^.* | \(.*\) |$/\1/' | tr ';' '\n' | while IFS= read -r part; do
    file=$(expr "$part" : ' *\[[a-z_]*\](\([a-z_/]*\.py\)): `') || { echo "readme: no link: $part" >&2; exit 1; }
    for name in $(echo "${part#*): }" | tr -d '`,'); do
        grep -q "^def $name(flow):" "$file" || { echo "readme: $name is not in $file" >&2; exit 1; }
    done
done
