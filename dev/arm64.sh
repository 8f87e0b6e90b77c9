#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: dev/arm64.sh [TEST...]
#
# Builds for 64-bit ARM on a Debian of another kind and runs unit tests there in an emulator
# (test_dtype, test_gemv and test_quants, or those that are named).  CPU: what is built for and
# emulated, cortex-a72 (Raspberry Pi 4, the default), cortex-a76 (Raspberry Pi 5), …  Needs
# gcc-aarch64-linux-gnu, pkg-config and qemu-user-static.  Libraries of ARM are unpacked in
# build/arm64/root and not installed.  Speed in an emulator means nothing.
set -eu
cd "${0%/*}/.."
top=$PWD/build/arm64 cpu=${CPU:-cortex-a72}
root=$top/root lib=$top/root/usr/lib/aarch64-linux-gnu
mkdir -p "$top/apt/lists/partial" "$top/apt/cache/archives/partial" "$top/tree" "$root/usr/lib"

# apt with a state of its own, as a machine that has no package yet.
apt() { APT_CONFIG=$top/apt/conf apt-get -q "$@" >&2; }
libraries() {
    . /etc/os-release
    : >"$top/apt/status"
    echo "deb http://deb.debian.org/debian $VERSION_CODENAME main" >"$top/apt/sources"
    cat >"$top/apt/conf" <<EOF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
Dir::State "$top/apt";
Dir::State::status "$top/apt/status";
Dir::Cache "$top/apt/cache";
Dir::Etc::sourcelist "$top/apt/sources";
Dir::Etc::sourceparts "-";
EOF
    apt update
    apt install -y --download-only libc6-dev libgcc-12-dev libgomp1 libopenblas-openmp-dev \
        libzstd-dev zlib1g-dev libpcre2-dev libjson-c-dev libxxhash-dev libzip-dev libmd-dev \
        libdnnl-dev libmicrohttpd-dev check
    ln -sfn usr/lib "$root/lib"
    for deb in "$top"/apt/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root"
    done
    for l in openblas.so.0 blas.so.3 lapack.so.3; do # that packages make when installed
        ln -sf "openblas-openmp/lib$l" "$lib/lib$l"
    done
    : >"$top/root.done"
}
[ -f "$top/root.done" ] || libraries

# The same sources with another build/, since that holds what libraries this machine has.
for f in ./*; do
    case $f in ./build | ./bin) ;; *) ln -sfn "$PWD/$f" "$top/tree/$f" ;; esac
done
cd "$top/tree"
[ $# -gt 0 ] || set -- test_dtype test_gemv test_quants
export PKG_CONFIG_SYSROOT_DIR="$root"
export PKG_CONFIG_LIBDIR="$lib/pkgconfig:$lib/openblas-openmp/pkgconfig"
# shellcheck disable=SC2046
make CC="aarch64-linux-gnu-gcc --sysroot=$root" ARCH="-mcpu=$cpu" CPPFLAGS=-DSANITIZED=1 \
    BUILD="build/$cpu" BIN="build/$cpu/bin" CHECK_CPPFLAGS="$(pkg-config --cflags check)" \
    CHECK_LIBS="$(pkg-config --libs check)" $(printf "build/$cpu/tests/%s " "$@") all
for t; do
    QEMU_CPU=$cpu QEMU_LD_PREFIX=$root CK_DEFAULT_TIMEOUT=3600 \
        qemu-aarch64-static "build/$cpu/tests/$t"
done
