#!/bin/sh
# Dependencies point down only: cli/admin -> relay -> (io, model) -> base; io and model never meet.
set -eu
cd "$1"
bad=0
forbid() { # room, rooms that it must not include
    for dir in src/$1 include/$1; do
        if grep -rnE "#include \"($2)/" "$dir" --include='*.[ch]'; then
            echo "layers: $dir must not include $2" >&2
            bad=1
        fi
    done
}
forbid base 'io|model|relay|admin|cli'
forbid io 'model|relay|admin|cli'
forbid model 'io|relay|admin|cli'
forbid relay 'admin|cli'
exit $bad
