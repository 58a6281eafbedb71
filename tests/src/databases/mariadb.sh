stop=TERM end=KILL
needs() { echo mariadb-install-db mariadbd; }
user() { echo mysql; }
options="--no-defaults --innodb-log-file-size=16M --innodb-buffer-pool-size=64M --aria-log-file-size=8M"
init() {
    # shellcheck disable=SC2086
    mariadb-install-db $options --datadir="$1" --auth-root-authentication-method=normal --skip-test-db
}
serve() {
    case $fsync in on) sync= ;; *) sync=--debug-no-sync ;; esac
    # Neither character set nor mode are what the tests need: connections have to see to that themselves.
    # shellcheck disable=SC2086
    exec mariadbd $options $sync --datadir="$dir/data" --socket="$dir/socket" --skip-networking \
        --max-connections=300 --character-set-server=latin1 --sql-mode=
}
