# Shared by the scripts: packages, building, testing. Sourced by bash, from the repository's root.
# What is noisy goes to a log in build/logs, which is shown only when the step fails.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

jobs=$(nproc)
logs=build/logs
mkdir -p "$logs"

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# quietly LOG COMMAND...: run it with its output in build/logs/LOG; show that where it fails.
quietly() {
    local log=$logs/$1
    shift
    if ! "$@" </dev/null >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        die "failed: $* (all of its output: $log)"
    fi
}

packages_of() { # GROUP...: the packages of these groups
    local group
    for group; do
        awk -v group="$group" '$1 == group {print $2}' scripts/lib/packages
    done
}

missing_packages() { # GROUP...: those of them that are not installed
    local package
    for package in $(packages_of "$@"); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s ' "$package"
    done
}

# Install what is missing of the given groups. Touches nothing where nothing is missing.
need_packages() {
    local missing as_root=()
    command -v dpkg-query >/dev/null ||
        die "this script installs Debian packages; elsewhere install what scripts/lib/packages lists and use cmake"
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "run as root, or first: apt-get install ${missing% }"
        as_root=(sudo)
    fi
    say "installing: ${missing% }"
    quietly apt-update.log ${as_root[@]+"${as_root[@]}"} apt-get -q update
    # shellcheck disable=SC2086 # a list of names
    quietly apt-install.log ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get -qy install --no-install-recommends $missing
}

# build PRESET [cmake option...]: configure and build.
build() {
    local preset=$1
    shift
    quietly "configure-$preset.log" cmake --preset "$preset" "$@"
    quietly "build-$preset.log" cmake --build --preset "$preset" -j "$jobs"
}

# run_tests BUILD_DIR [ctest option...]: run them all; the last line is "N passed, N failed, N skipped".
run_tests() {
    local dir=$1 status=0
    shift
    rm -f "$dir/tests.xml"
    find "$dir/tests" -name '*.tap' -exec truncate -s 0 {} +
    ctest --test-dir "$dir" -j "$jobs" --timeout 300 --output-on-failure --no-tests=error \
        --output-junit "$PWD/$dir/tests.xml" "$@" </dev/null || status=$?
    scripts/lib/count-tests "$dir" || status=1
    return "$status"
}
