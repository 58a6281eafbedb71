//! The disk is full, or out of inodes, at each of many sizes; or it becomes read-only in the middle. After
//! space is available again, everything settles, and file and row agree.
//!
//! The file systems are mounted in memory, in a mount namespace of this process. Without root, it is made in
//! a user namespace.

use super::child::{Child, Command, End};
use super::kill::{durability, judge, panics, restarted};
use super::options::Options;
use super::place::{Place, in_memory};
use super::report::Report;
use super::world::{Change, Expected, Files, Order, Outcome, Random, bytes};
use super::{Result, scenario};
use filefield_tests::databases::Kind;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Set in the process that runs in the namespace.
const INSIDE: &str = "CAMPAIGN_NAMESPACE";

/// What runs out, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// Bytes, of the media folder alone.
    Media,
    /// Inodes, of the media folder alone.
    MediaInodes,
    /// Bytes, of media and database together.
    Both,
    /// Inodes, of both.
    BothInodes,
    /// The media folder becomes read-only while operations run.
    Writing,
}

const LACKS: [Lack; 5] = [Lack::Media, Lack::MediaInodes, Lack::Both, Lack::BothInodes, Lack::Writing];

/// Number of sizes that are tried. With more space, everything fits.
const ROOMS: u64 = 20;

pub(crate) fn run(options: &Options) -> Result<Report> {
    if std::env::var_os(INSIDE).is_none() {
        let durability = options.text("durability", "full");
        return in_namespace(options, INSIDE, &["full", "--durability", durability], 50);
    }
    let mut report = Report::default();
    let (mut ends, mut random) = (BTreeMap::<String, u64>::new(), Random::new(options.seed));
    for number in 0..options.count.unwrap_or(50) {
        let mut lack = LACKS[usize::try_from(number % 5)?];
        // The files of a server are not in the world's folder.
        if options.db != Kind::Sqlite {
            lack = match lack {
                Lack::Both => Lack::Media,
                Lack::BothInodes => Lack::MediaInodes,
                other => other,
            };
        }
        report.points += 1;
        let room = number / 5 % ROOMS;
        let tried = format!("{lack:?} with room for {room} more, number {number} of --seed {}", options.seed);
        match one(options, lack, room, random.next(), (&mut report, &mut ends), &tried) {
            Ok(true) => report.fired += 1,
            Ok(false) => {}
            Err(problem) => report.violation("hang or crash", format!("{problem}; after {tried}")),
        }
    }
    report.more.insert("ends".to_owned(), serde_json::to_value(ends)?);
    Ok(report)
}

/// Runs a campaign again in a mount namespace, where `mark` is set, and returns its report.
pub(super) fn in_namespace(options: &Options, mark: &str, command: &[&str], count: u64) -> Result<Report> {
    let user = if rustix::process::geteuid().is_root() { "--mount" } else { "--map-root-user" };
    let output = std::process::Command::new("unshare")
        .args(["--mount", user, "--"])
        .arg(std::env::current_exe()?)
        .args(command)
        .args(["--db", &options.db.to_string(), "--seed", &options.seed.to_string()])
        .args(["--count", &options.count.unwrap_or(count).to_string()])
        .env(mark, "1")
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("`unshare` does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().ok_or("the campaign in the namespace said nothing")?;
    Report::from_json(&serde_json::from_str(last)?)
}

/// Runs one size. Returns whether the limit was reached.
fn one(
    options: &Options,
    lack: Lack,
    room: u64,
    seed: u64,
    (report, ends): (&mut Report, &mut BTreeMap<String, u64>),
    tried: &str,
) -> Result<bool> {
    let folder = in_memory()?;
    let mount = match lack {
        Lack::Both | Lack::BothInodes => folder.path().to_owned(),
        _ => folder.path().join("media"),
    };
    std::fs::create_dir_all(&mount)?;
    let mounted = Mounted::new(&mount)?;
    let place = Place::of(options, folder)?;
    if mount.ends_with("media") {
        super::world::put_foreign_files(&mount)?;
    }
    let mut child = Child::ready(&place.setup(durability(options)?, false))?;
    let (mut expected, mut random) = (Expected::default(), Random::new(seed));
    // Rows that have something to lose and something to give.
    for scenario in scenario::some("replace,delete,clear", 0, &mut random) {
        for order in &scenario.prepare {
            child.perform(order, &mut expected)?;
        }
    }
    let mut met = false;
    if lack == Lack::Writing {
        child.send(&Command::Load { seed, tasks: 2 })?;
        std::thread::sleep(Duration::from_millis(5 + room % 40));
        // A file that is open for writing keeps the file system writable.
        met = (0..500).any(|_| mounted.remount("ro").is_ok());
        std::thread::sleep(Duration::from_millis(20));
        child.kill_noting(&mut expected, |outcome| note(report, ends, lack, outcome, tried))?;
        mounted.remount("rw")?;
        child = Child::ready(&place.setup(durability(options)?, false))?;
    } else {
        mounted.leave_room(lack, room)?;
        // For every seed, the space ends within one write.
        let longer = Files { manual: Some(long_file(&mut random)), ..Files::default() };
        let longer = Order::new("longer than the room", Change::Create(longer));
        let scenarios = scenario::all(1, &mut random);
        let orders = scenarios.iter().flat_map(|scenario| scenario.prepare.iter().chain([&scenario.order]));
        for order in std::iter::once(&longer).chain(orders) {
            match child.perform(order, &mut expected)? {
                End::Told(outcome) => met |= note(report, ends, lack, &outcome, tried),
                End::Killed => return Err("the process died".into()),
            }
        }
        panics(report, &mut child, tried);
        mounted.remount("size=100%,nr_inodes=1000000")?;
    }
    // What is acknowledged now must survive the restart, whatever state the full disk has left in this
    // process.
    for row in ["room again", "and again"] {
        let order = Order::new(row, Change::Create(Files::all(&mut random)));
        if let End::Told(Outcome::Failed { text, .. }) = child.perform(&order, &mut expected)? {
            report.violation("retry", format!("{text}; after {tried}"));
        }
    }
    let settled = child.settle()?.ok_or("the process died while it settled")?;
    judge(report, &mut expected, &settled, tried);
    panics(report, &mut child, tried);
    restarted(report, &place, child, &mut expected, tried)?;
    drop(mounted);
    Ok(met)
}

/// The number of a file that is longer than any remaining space.
fn long_file(random: &mut Random) -> u32 {
    loop {
        let number = random.file();
        if bytes(number).len() as u64 > (ROOMS + 1) * 4096 {
            return number;
        }
    }
}

/// Checks the end of an operation. Returns whether the full disk explains it.
fn note(
    report: &mut Report,
    ends: &mut BTreeMap<String, u64>,
    lack: Lack,
    outcome: &Outcome,
    tried: &str,
) -> bool {
    let Outcome::Failed { kind, uncertain, text, .. } = outcome else {
        *ends.entry("done".to_owned()).or_default() += 1;
        return false;
    };
    let end = if *uncertain { format!("{kind}, uncertain") } else { kind.clone() };
    *ends.entry(end).or_default() += 1;
    match (lack, kind.as_str()) {
        (Lack::Media | Lack::MediaInodes, "StorageFull") | (Lack::Writing, "ReadOnly") => true,
        (Lack::Both | Lack::BothInodes, "StorageFull" | "Database") => true,
        // The row was not made for lack of space, so it cannot be changed.
        (_, "DoesNotExist") => false,
        _ => {
            report.violation("error", format!("{kind}: {text}; with {tried}"));
            false
        }
    }
}

/// A file system in memory, unmounted on drop.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(folder: &'a Path) -> Result<Self> {
        mount(&["-t", "tmpfs", "-o", "size=64m,nr_inodes=100000", "tmpfs"], folder)?;
        Ok(Mounted(folder))
    }

    fn remount(&self, how: &str) -> Result {
        mount(&["-o", &format!("remount,{how}")], self.0)
    }

    /// Leaves this many blocks or inodes free.
    fn leave_room(&self, lack: Lack, room: u64) -> Result {
        let now = rustix::fs::statvfs(self.0)?;
        match lack {
            Lack::Media | Lack::Both => {
                let used = (now.f_blocks - now.f_bfree) * now.f_frsize;
                self.remount(&format!("size={}", used + room * now.f_frsize))
            }
            _ => self.remount(&format!("nr_inodes={}", now.f_files - now.f_ffree + room)),
        }
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) -> Result {
    let output = std::process::Command::new("mount").args(arguments).arg(folder).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("mount {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
