#!/bin/sh
# postgres_client.sh FROM TO: copies pg_dump and pg_restore out of FROM into TO with every library that they load, but
# for those of the C library, which the base image brings. Each starts through a script, so that nothing else in the
# image meets these libraries.
set -eu
from=$1 to=$2
mkdir -p "$to/bin" "$to/lib" "$to/programs"
for program in pg_dump pg_restore; do
    cp -L "$from/$program" "$to/programs/$program"
    if ldd "$from/$program" | grep 'not found' >&2; then exit 1; fi
    for library in $(ldd "$from/$program" | awk '$3 ~ /^\// { print $3 }'); do
        case ${library##*/} in
            ld-linux* | libc.so* | libm.so* | libdl.so* | librt.so* | libpthread.so* | libresolv.so*) ;;
            *) cp -L "$library" "$to/lib/" ;;
        esac
    done
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s/lib" exec "%s/programs/%s" "$@"\n' "$to" "$to" "$program" >"$to/bin/$program"
    chmod 755 "$to/bin/$program"
done
