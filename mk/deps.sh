#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: mk/deps.sh OUT.mk GROUP...
#
# Sees whether the libraries of the groups compile and link, installs the missing ones
# through the system's package manager, and writes their flags to OUT.mk.  Asks before it
# installs if standard input is a terminal.  Without a known package manager, or without
# the right to use it, says in words what to install and fails; with OPTIONAL set it says
# that instead, and writes OUT.mk without flags.
set -u
out=$1
shift
groups=$*
CC=${CC:-cc}
OPENMP=${OPENMP--fopenmp}

# group, name, pkg-config name, header, link flags, then the package of each system; '-'
# stands for none.  A program has no header: its name is looked for in PATH.
table() {
    cat <<'EOF'
build openblas  openblas    cblas.h     -lopenblas  libopenblas-openmp-dev openblas-devel  openblas    openblas-dev  openblas
build zstd      libzstd     zstd.h      -lzstd      libzstd-dev            libzstd-devel   zstd        zstd-dev      zstd
build zlib      zlib        zlib.h      -lz         zlib1g-dev             zlib-devel      zlib        zlib-dev      zlib
build pcre2     libpcre2-8  pcre2.h     -lpcre2-8   libpcre2-dev           pcre2-devel     pcre2       pcre2-dev     pcre2
build json-c    json-c      json-c/json.h -ljson-c  libjson-c-dev          json-c-devel    json-c      json-c-dev    json-c
build xxhash    libxxhash   xxhash.h    -lxxhash    libxxhash-dev          xxhash-devel    xxhash      xxhash-dev    xxhash
build libzip    libzip      zip.h       -lzip       libzip-dev             libzip-devel    libzip      libzip-dev    libzip
build libmd     libmd       sha2.h      -lmd        libmd-dev              libmd-devel     libmd       libmd-dev     libmd
dnnl  dnnl      dnnl        dnnl.h      -ldnnl      libdnnl-dev            onednn-devel    onednn      onednn-dev    onednn
check check     check       check.h     -lcheck     check                  check-devel     check       check-dev     check
httpd microhttpd libmicrohttpd microhttpd.h -lmicrohttpd libmicrohttpd-dev libmicrohttpd-devel libmicrohttpd libmicrohttpd-dev libmicrohttpd
curl  curl      -           -           -           curl                   curl            curl        curl          curl
mpi   openmpi   ompi-c      mpi.h       -lmpi       libopenmpi-dev         openmpi-devel   openmpi     openmpi-dev   open-mpi
mpi   mpirun    -           -           -           openmpi-bin            openmpi         openmpi     openmpi       open-mpi
plot  gnuplot   -           -           -           gnuplot-nox            gnuplot-minimal gnuplot     gnuplot       gnuplot
EOF
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

pc() { pkg-config "$@" 2>/dev/null; }

cppflags_of() { [ "$1" = - ] || pc --cflags "$1"; }
# The fall-back is what Debian's default folders need.
libs_of() { [ "$1" = - ] || pc --libs "$1" || echo "$2"; }

# present NAME PKGCONFIG HEADER LINK
present() {
    if [ "$3" = - ]; then
        command -v "$1" >/dev/null 2>&1
        return
    fi
    printf '#define PCRE2_CODE_UNIT_WIDTH 8\n#include <%s>\nint main(void) { return 0; }\n' \
        "$3" >"$scratch/t.c"
    # shellcheck disable=SC2046
    $CC $(cppflags_of "$2") -o "$scratch/t" "$scratch/t.c" $(libs_of "$2" "$4") \
        >/dev/null 2>&1
}

# Packages of what is missing, for the system whose column is $1 (6: apt …).
missing_packages() {
    table | while read -r group name pkg header link apt dnf pacman apk brew; do
        case " $groups " in *" $group "*) ;; *) continue ;; esac
        present "$name" "$pkg" "$header" "$link" && continue
        case $1 in
        apt-get) echo "$apt" ;;
        dnf) echo "$dnf" ;;
        pacman) echo "$pacman" ;;
        apk) echo "$apk" ;;
        brew) echo "$brew" ;;
        *) echo "$name" ;;
        esac
    done
    compiler_works || case $1 in
    apt-get) echo "gcc libc6-dev" ;;
    dnf) echo "gcc glibc-devel" ;;
    pacman | brew) echo "gcc" ;;
    apk) echo "gcc musl-dev" ;;
    *) echo "a C compiler" ;;
    esac
}

compiler_works() {
    printf '#include <stdio.h>\nint main(void) { return 0; }\n' >"$scratch/cc.c"
    $CC $OPENMP -o "$scratch/cc" "$scratch/cc.c" >/dev/null 2>&1
}

manager() {
    for m in apt-get dnf pacman apk brew; do
        command -v $m >/dev/null 2>&1 && echo $m && return
    done
    echo none
}

install_with() { # MANAGER PACKAGE...
    m=$1
    shift
    case $m in
    apt-get)
        apt="env DEBIAN_FRONTEND=noninteractive apt-get"
        # A fresh machine has no package lists yet, an old one lists packages that are gone.
        $root $apt install -y --no-install-recommends "$@" ||
            { $root $apt update && $root $apt install -y --no-install-recommends "$@"; }
        ;;
    dnf) $root dnf install -y "$@" ;;
    pacman) $root pacman -S --noconfirm --needed "$@" ;;
    apk) $root apk add "$@" ;;
    brew) brew install "$@" ;;
    esac
}

# Sets `root` to what gives the right to install; fails if there is nothing.
find_root() {
    root=
    [ "$1" = brew ] || [ "$(id -u)" = 0 ] && return 0
    command -v sudo >/dev/null 2>&1 || return 1
    root=sudo
    [ -t 0 ] || { root="sudo -n" && sudo -n true 2>/dev/null; }
}

agreed() {
    [ -t 0 ] || return 0
    printf 'Install them now? [Y/n] ' >&2
    read -r answer
    case $answer in "" | [Yy]*) return 0 ;; *) return 1 ;; esac
}

m=$(manager)
packages=$(missing_packages "$m" | tr '\n' ' ')
if [ -n "$packages" ]; then
    if [ "$m" != none ] && find_root "$m"; then
        echo "Missing on this machine: $packages" >&2
        echo "They are installed with: ${root:+$root }$m install $packages" >&2
        # shellcheck disable=SC2086
        agreed && install_with "$m" $packages >&2
    fi
    packages=$(missing_packages "$m" | tr '\n' ' ')
fi
optional=" gnuplot-nox gnuplot-minimal gnuplot "
needed=
for p in $packages; do
    case $optional in
    *" $p "*) echo "note: $p is not there: runs will have no loss.png" >&2 ;;
    *) needed="$needed $p" ;;
    esac
done
mkdir -p "$(dirname "$out")"
if [ -n "$needed" ] && [ -n "${OPTIONAL-}" ]; then
    echo "note:$needed cannot be had: $OPTIONAL" >&2
    : >"$out"
    exit 0
fi
if [ -n "$needed" ]; then
    echo "These packages are missing; please install them and run make again:" >&2
    echo "   $needed" >&2
    exit 1
fi

prefix=DEPS
case $groups in check) prefix=CHECK ;; mpi) prefix=MPI ;; dnnl) prefix=DNNL ;; httpd) prefix=HTTPD ;; esac
cppflags=
libs=
# Not in a pipe: the loop sets variables.
table >"$scratch/table"
while read -r group name pkg header link rest; do
    case " $groups " in *" $group "*) ;; *) continue ;; esac
    cppflags="$cppflags $(cppflags_of "$pkg")"
    libs="$libs $(libs_of "$pkg" "$link")"
done <"$scratch/table"
# shellcheck disable=SC2086
{
    echo "${prefix}_CPPFLAGS :=" $cppflags
    echo "${prefix}_LIBS :=" $libs
} >"$out.new" && mv "$out.new" "$out"
