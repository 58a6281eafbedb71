//! Which campaign is meant to find which bug.

/// A bug and the command line of its campaign. All runs have the seed of this one.
pub(super) struct Case {
    pub(super) bug: &'static str,
    pub(super) run: &'static str,
}

const fn case(bug: &'static str, run: &'static str) -> Case {
    Case { bug, run }
}

pub(super) const CASES: &[Case] = &[
    // Only a power cut shows these: the order of writing, publishing and syncing, in a trace of system calls.
    // The campaign `power` has controls that show the loss itself.
    case("no-fsync", "syscalls --mode order --operations create,delete"),
    case("no-directory-fsync", "syscalls --mode order --operations create,delete"),
    case("no-parent-fsync", "syscalls --mode order --operations create,delete"),
    case("no-delete-fsync", "syscalls --mode order --operations create,delete"),
    case("fsync-error-ignored", "syscalls --operations create --on media --errors EIO"),
    case("publish-replaces", "race --mode names --count 20000"),
    case("exists-then-create", "race --mode names --count 20000"),
    case("memory-overwrites", "race --mode names --count 20000"),
    case("publish-before-write", "kill --operations create --count 40"),
    case("short-write-ignored", "full --count 25"),
    case("temp-left-behind", "full --count 20"),
    case("no-owner", "kill --operations create --count 40"),
    case("digits-tmp-in-place", "kill --operations create --count 40"),
    case("delete-follows-links", "links --count 50000 --seconds 2"),
    case("open-follows-links", "links --count 50000 --seconds 2"),
    case("root-not-identified", "world --worlds renamed,empty,unmounted --count 3"),
    case("new-root-while-away", "world --worlds renamed --count 2"),
    case("owner-and-delete-apart", "world --worlds swapped --count 2"),
    case(
        "second-try-is-the-first",
        "store --operations save --faults 409 --extents after-second-try --retries 1 --count 20",
    ),
    case("open-upload-forgotten", "store --operations save-large --faults 503 --extents onward --count 10"),
    case(
        "copy-not-looked-at",
        "store --operations rename-in-bucket --faults error-in-200 --extents once --count 24",
    ),
    case("limit-off-by-one", "model --count 100"),
    case("short-content-accepted", "model --count 100"),
    case("uncertain-is-certain", "model --count 100"),
    case("no-fence", "model --count 100"),
    case("no-row-lock", "race --db postgres --count 300 --replaces 600"),
    case("no-savepoint", "model --count 100"),
    case("no-queue", "model --count 100"),
    case("delete-before-commit", "model --count 100"),
    case("no-probe", "model --count 100"),
    case("probe-own-column-only", "model --count 100"),
    case("no-owner-check", "model --count 100"),
    case("no-tombstone", "model --count 100"),
    case("forget-after-failure", "model --count 100"),
];
