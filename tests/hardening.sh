#!/bin/sh
# hardening.sh PENSTOCK BUILD-TYPE FOLDER: what deps/hardening.cmake asks for is in the program. FOLDER: where
# unpacked libraries may be (Debian 12); `cmake --install` takes that path out.
set -eu
export LC_ALL=C
command -v readelf >/dev/null 2>&1 || { echo "no readelf (binutils) here"; exit 77; }
program=$1
die() {
    echo "hardening: $*" >&2
    exit 1
}
head=$(readelf -hW "$program")
segments=$(readelf -lW "$program")
dynamic=$(readelf -dW "$program")
symbols=$(readelf -W --dyn-syms "$program")

echo "$head" | grep -q 'Type: *DYN ' && echo "$segments" | grep -q '^ *INTERP ' || die "not position-independent"
echo "$segments" | grep -q '^ *GNU_RELRO ' || die "no RELRO"
echo "$dynamic" | grep -q '(FLAGS).* BIND_NOW' || echo "$dynamic" | grep -q '(FLAGS_1).* NOW' ||
    die "symbols are bound lazily: RELRO is half of it"
echo "$segments" | grep -q '^ *GNU_STACK ' || die "nothing says that the stack is not executable"
! echo "$segments" | grep -q ' RWE ' || die "memory that is writable and executable"
! echo "$dynamic" | grep -q TEXTREL || die "code that is written to at the start"
echo "$symbols" | grep -q ' __stack_chk_fail@' || die "no stack protector"
[ "$2" = Debug ] || echo "$symbols" | grep -q ' __[a-z_]*cpy_chk@' || die "not fortified"
echo "$dynamic" | sed -n 's/.*(R\(UN\)\{0,1\}PATH).*\[\(.*\)\]/\2/p' | tr ':' '\n' | while read -r path; do
    case $path in
    "$3"/* | '') ;; # CMake pads it
    *) die "libraries are looked for in \"$path\"" ;;
    esac
done
