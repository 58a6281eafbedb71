#!/usr/bin/env bash
# Runs the campaigns: `ci` in a quarter of an hour, `full` in some hours. `campaign.md` says what they do.
set -euo pipefail
# As in `.cargo/config.toml`: the campaigns look for a file right after its row let go of it.
export FILEFIELD_DELETE_AFTER="${FILEFIELD_DELETE_AFTER:-0 s}"
cd "$(dirname "$0")/.."
tier="${1:-ci}"
seed="${SEED:-1}"
target="${CARGO_TARGET_DIR:-target}"
if [ "$tier" = full ]; then
    cargo build --release -p filefield-tests --features campaign --bin campaign
    binary="$target/release/campaign"
else
    cargo build -p filefield-tests --features campaign --bin campaign
    binary="$target/debug/campaign"
fi

failed=()
run() {
    echo "-- campaign $*"
    "$binary" "$@" --seed "$seed" || failed+=("$*")
}

case "$tier" in
ci)
    run kill --mode points --db sqlite --count 100
    run kill --mode points --db postgres --count 100
    run kill --mode points --db mariadb --count 100
    run kill --mode calls --operations create
    run kill --mode random --db sqlite --count 30
    run kill --mode random --db postgres --count 10
    run kill --mode random --db mariadb --count 10
    run syscalls --count 300
    run syscalls --mode order
    run full --count 50
    run database --db sqlite --count 30
    run database --db postgres --count 35
    run database --db mariadb --count 35
    run world --count 16
    run store --count 150
    run drop --storage memory
    run race --count 5000 --replaces 500
    run race --mode names --count 20000
    run model --count 1000
    run links --count 20000 --seconds 10
    run clock --count 20
    if [ -f "${CRASH_STATES:=../shared/hostile/crash_states.py}" ]; then
        CRASH_STATES="$CRASH_STATES" run power --fs ext4 --count 200
    else
        echo "-- campaign power: not run, the rig is not beside this repository"
    fi
    run schedules --count 10000
    ;;
full)
    for db in sqlite postgres mariadb; do
        run kill --mode points --db "$db" --count 400
        run drop --db "$db" --storage all --count 1700
        run race --db "$db" --count 200000 --replaces 20000
        run clock --db "$db" --count 70
        run world --db "$db" --count 160
    done
    run kill --mode calls
    run kill --mode random --db sqlite --count 1000
    run kill --mode random --db postgres --count 500
    run kill --mode random --db mariadb --count 500
    run syscalls --count 3000
    run syscalls --mode order
    run race --mode names --count 200000
    run full --count 300
    run database --db postgres --count 300
    run database --db mariadb --count 300
    run store --count 2000
    run model --count 100000
    run links --count 200000
    run power --fs ext4 --count 1500
    run power --fs xfs --count 500
    run power --fs btrfs --count 500
    run schedules --count 1000000
    run planted --controls yes
    ;;
*)
    echo "usage: $0 [ci|full]" >&2
    exit 2
    ;;
esac
if [ "${#failed[@]}" -gt 0 ]; then
    printf 'failed: campaign %s\n' "${failed[@]}"
    exit 1
fi
