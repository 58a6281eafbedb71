stop=INT end=QUIT
needs() { echo initdb postgres; }
user() { echo postgres; }
init() { initdb -D "$1" -U filefield -A trust -E UTF8 --locale=C --no-sync; }
serve() {
    exec postgres -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=300 -c "fsync=$fsync" \
        -c log_min_messages=warning
}
