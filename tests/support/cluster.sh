# A private PostgreSQL for one test run: cluster_start exports CARRYALL_TEST_DATABASE (libpq's
# connection string of a superuser), cluster_stop ends it. Sourced by ./dev. What must stay true: it
# listens only on a unix socket that this user and root can reach, and its server never outlives the
# run, even a killed one.

# Test data may be lost at any moment, so nothing waits for the disk. Never for a real server.
readonly cluster_settings=(
    -c "listen_addresses=" -c unix_socket_permissions=0700 -c max_connections=200
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=256MB
    -c max_wal_size=2GB -c log_min_messages=warning -c autovacuum_naptime=10s)
readonly cluster_patience_seconds=60

# PostgreSQL refuses to run as root; Debian's package brings the user postgres for that case.
cluster_as_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

cluster_start() {
    local bin
    bin=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -1)
    bin=${bin%/initdb}
    [ -n "$bin" ] || {
        echo "cluster: PostgreSQL's server programs are not installed: run ./dev setup" >&2
        return 1
    }
    # Not below build/: the repository may lie where the user postgres cannot go, and the path of a
    # socket may have 107 bytes only.
    cluster_folder=$(mktemp -d "${TMPDIR:-/tmp}/carryall-test-XXXXXX")
    [ "$(id -u)" != 0 ] || chown postgres:postgres "$cluster_folder"
    echo "cluster: private PostgreSQL in $cluster_folder" >&2
    # From the folder itself: PostgreSQL wants to be able to enter the folder it was started in.
    (
        cd "$cluster_folder"
        cluster_as_user "$bin/initdb" -D data -U carryall_tests --auth=trust --encoding=UTF8 \
            --locale=C.UTF-8 --no-sync >initdb.log 2>&1
    ) || {
        cat "$cluster_folder/initdb.log" >&2
        return 1
    }
    # A smart shutdown would wait for clients, so the end of this shell means a fast one (SIGINT).
    # setpriv sets the death signal last: a change of user would clear it.
    (
        cd "$cluster_folder"
        local as=()
        [ "$(id -u)" != 0 ] || as=(--reuid=postgres --regid=postgres --init-groups)
        exec setpriv "${as[@]}" --pdeathsig INT -- "$bin/postgres" -D data -k "$cluster_folder" \
            "${cluster_settings[@]}" >server.log 2>&1
    ) &
    cluster_pid=$!
    export CARRYALL_TEST_DATABASE="host=$cluster_folder user=carryall_tests dbname=postgres"
    cluster_wait "$bin"
}

cluster_wait() {
    local until=$((SECONDS + cluster_patience_seconds))
    until "$1/pg_isready" -q -d "$CARRYALL_TEST_DATABASE"; do
        if ! kill -0 "$cluster_pid" 2>/dev/null || [ $SECONDS -ge $until ]; then
            echo "cluster: PostgreSQL did not start; its log:" >&2
            cat "$cluster_folder/server.log" >&2
            return 1
        fi
        sleep 0.1
    done
}

cluster_stop() {
    if [ -n "${cluster_pid:-}" ]; then
        kill -INT "$cluster_pid" 2>/dev/null || true
        wait "$cluster_pid" 2>/dev/null || true
        cluster_pid=
    fi
    if [ -n "${cluster_folder:-}" ]; then
        # The last server log stays for whoever looks into a failed test.
        mkdir -p build
        cp "$cluster_folder/server.log" build/test-postgres.log 2>/dev/null || true
        rm -rf "$cluster_folder"
        cluster_folder=
    fi
}
