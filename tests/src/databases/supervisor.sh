# Runs a database server for as long as the standard input stays open: however its owner ends, also by kill -9, the
# kernel closes the pipe, and the server and its files go. Commands are lines; each is answered with one line.
# Before this stand the functions `needs`, `user`, `init` and `serve` of the kind of database, the signal that stops it
# in order, and the one that ends it at once and leaves nothing behind outside its directory.

PATH="$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')"
for program in $(needs); do
    command -v "$program" >/dev/null || { echo "missing $program"; exit 0; }
done

# The servers refuse to run as root.
if [ "$(id -u)" = 0 ]; then
    command -v setpriv >/dev/null || { echo "missing setpriv"; exit 0; }
    id "$(user)" >/dev/null 2>&1 || { echo "missing the user $(user)"; exit 0; }
    cd / && exec setpriv --reuid="$(user)" --regid="$(id -g "$(user)")" --clear-groups sh -c 'eval "$SUPERVISOR"'
fi

make() { mktemp -d "$1/filefield-XXXXXX" 2>/dev/null; }
dir=$(make "${TMPDIR:-/tmp}") || dir=$(make /tmp) || { echo "failed: no temporary directory"; exit 0; }
cd "$dir" && mkdir data || exit 1
server=
# Whoever should read the answers may be gone; the files go all the same.
trap : PIPE
halt() {
    [ -z "$server" ] || { kill "$@"; wait "$server"; }
    server=
}
lives() {
    # A process that nobody has waited for yet is still there for `kill -0`.
    case $(cat "/proc/$1/stat" 2>/dev/null) in *") Z "*) return 1 ;; esac
    kill -0 "$1" 2>/dev/null
}

# Making the first tables costs seconds of fsync on a disk and none in memory.
if fast=$(make /dev/shm); then
    init "$fast" && cp -R "$fast/." "$dir/data" || initialised=no
    rm -rf "$fast"
else
    init "$dir/data" || initialised=no
fi >>"$dir/log" 2>&1
if [ "${initialised-yes}" = no ]; then
    echo "failed: $(tail -n 5 "$dir/log" | tr '\n' ' ')"
else
    chmod 700 "$dir/data"
    echo "ok $dir"
    while read -r command argument; do
        case $command in
        start)
            fsync=$argument
            serve </dev/null >>"$dir/log" 2>&1 &
            server=$!
            echo "ok $server" ;;
        stop)
            halt "-$stop" "$server" >>"$dir/log" 2>&1
            echo "ok" ;;
        kill)
            # Children too: they would finish what they are at, and commit it.
            kill -STOP "$server"
            children=$(cat "/proc/$server/task/$server/children")
            # shellcheck disable=SC2086
            halt -KILL "$server" $children >>"$dir/log" 2>&1
            for child in $children; do
                while lives "$child"; do sleep 0.01; done
            done
            echo "ok" ;;
        alive)
            if [ -n "$server" ] && lives "$server"; then
                echo "ok"
            else
                echo "failed: $(tail -n 5 "$dir/log" | tr '\n' ' ')"
            fi ;;
        esac
    done
    halt "-$end" "$server" >/dev/null 2>&1
fi
rm -rf "$dir"
