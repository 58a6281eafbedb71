//! `compare`: every pair in fresh processes, in random order, and a table of the ratios.

use super::options::Options;
use super::{Result, data};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The figure that is compared with the limit.
#[derive(Clone, Copy)]
enum Figure {
    /// Ratio of the wall time of one operation.
    Wall,
    /// Ratio of its CPU time.
    Cpu,
    /// Difference of the peak memory, in MiB.
    Memory,
    /// A figure from the report.
    Own(&'static str),
}

impl Figure {
    fn of(self, ours: &Run, base: &Run) -> f64 {
        match self {
            Figure::Wall => ours.secs / base.secs,
            Figure::Cpu => ours.cpu / base.cpu,
            Figure::Memory => ours.memory - base.memory,
            Figure::Own(_) => ours.own,
        }
    }
}

/// JPEGs whose frame header is behind segments of 64 KiB. Each segment needs one read.
const SEGMENTED: [&str; 2] = [data::SEGMENTS, "app20-before-sof.jpg"];

struct Case {
    name: String,
    ours: Vec<String>,
    base: Vec<String>,
    figure: Figure,
    /// `None`: reported without a verdict.
    limit: Option<f64>,
}

/// The result of one run: seconds, CPU seconds, MiB, and its extra figure.
#[derive(Clone, Copy)]
struct Run {
    secs: f64,
    cpu: f64,
    memory: f64,
    own: f64,
}

pub(crate) fn compare(options: &Options) -> Result {
    let dir = options.dir()?;
    let quick = options.is_set("quick");
    let rounds = options.number("rounds", if quick { 1 } else { 7 })?;
    let source = dir.join("source");
    data::small_files(&source.join("small"), 2000)?;
    data::big_file(&source.join("big.bin"), if quick { 64 } else { 1024 })?;
    std::fs::write(source.join("empty.bin"), [])?;
    let images = match options.path("images") {
        Ok(images) => images,
        Err(_) => {
            data::image_headers(&source.join("images"), 100)?;
            source.join("images")
        }
    };
    let only = options.text("only", "");
    let cases: Vec<Case> =
        cases(&source, &images, quick)?.into_iter().filter(|case| case.name.contains(only)).collect();
    let runs = dir.join(format!("run-{}", std::process::id()));
    let mut results: Vec<Vec<(Run, Run)>> = cases.iter().map(|_| Vec::new()).collect();
    let mut sequence = 0;
    for round in 0..=rounds {
        let mut order: Vec<(u64, usize)> = Vec::with_capacity(cases.len());
        for index in 0..cases.len() {
            order.push((getrandom::u64()?, index));
        }
        order.sort_unstable();
        for (random, index) in order {
            let case = &cases[index];
            let mut run = |arguments: &[String]| {
                sequence += 1;
                once(arguments, &runs.join(format!("{sequence:05}")), case.figure)
                    .map_err(|error| format!("{}: {error}", case.name))
            };
            let pair = if random % 2 == 0 {
                let ours = run(&case.ours)?;
                (ours, run(&case.base)?)
            } else {
                let base = run(&case.base)?;
                (run(&case.ours)?, base)
            };
            // The first round is a warm-up.
            if round > 0 || rounds == 0 {
                results[index].push(pair);
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    table(&cases, &results);
    Ok(())
}

/// Runs one sub-command in a separate process and directory. Its files stay, because deleting thousands of
/// files would slow down the next creates. Only large files are deleted.
fn once(arguments: &[String], dir: &Path, figure: Figure) -> Result<Run> {
    let dir_text = dir.to_str().ok_or("the directory is not text")?;
    let arguments = arguments.iter().map(|argument| argument.replace("{d}", dir_text));
    let output = Command::new(std::env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().ok_or("it reported nothing")?;
    let report: Value = serde_json::from_str(line)?;
    let number = |key: &str| report[key].as_f64().ok_or_else(|| format!("no figure `{key}`"));
    if let Ok(entries) = std::fs::read_dir(dir) {
        for entry in entries {
            let entry = entry?;
            if entry.metadata()?.len() > 1 << 24 {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    let ops = number("ops")?;
    let own = match figure {
        Figure::Own(key) => number(key)?,
        _ => f64::NAN,
    };
    Ok(Run { secs: number("secs")? / ops, cpu: number("cpu")? / ops, memory: number("hwm_mb")?, own })
}

fn cases(source: &Path, images: &Path, quick: bool) -> Result<Vec<Case>> {
    let text = |path: PathBuf| path.to_str().map(str::to_owned).ok_or("a path is not text");
    let (small, big) = (text(source.join("small"))?, text(source.join("big.bin"))?);
    let tiny = text(source.join("small").join(data::name(0)))?;
    let empty = text(source.join("empty.bin"))?;
    let mut cases = Vec::new();
    let mut add = |name: &str, ours: &str, base: &str, figure: Figure, limit: Option<f64>| {
        let words = |line: &str| -> Vec<String> {
            let fill = |word: &str| match word {
                "{small}" => small.clone(),
                "{big}" => big.clone(),
                "{tiny}" => tiny.clone(),
                "{empty}" => empty.clone(),
                "{n}" => if quick { "200" } else { "2000" }.to_owned(),
                "{few}" => if quick { "40" } else { "400" }.to_owned(),
                word => word.to_owned(),
            };
            line.split_whitespace().map(fill).collect()
        };
        cases.push(Case { name: name.to_owned(), ours: words(ours), base: words(base), figure, limit });
    };
    use Figure::{Cpu, Memory, Own, Wall};
    add("accessor: reach the storage, ns", "accessor", "accessor --baseline", Own("reach_ns"), Some(10.0));
    add("accessor: url()", "accessor", "accessor --baseline", Wall, Some(2.0));
    add("url, escaped", "url", "url --baseline", Wall, Some(2.0));
    let save = "save --n {n} --dir {d}";
    let plain = "save --baseline --n {n} --dir {d}";
    add("save, 1 job", save, plain, Wall, None);
    add("save, 16 jobs, to 1 thread", &format!("{save} --jobs 16"), plain, Wall, Some(1.3));
    add(
        "save, 16 jobs, to 16 threads",
        &format!("{save} --jobs 16"),
        &format!("{plain} --jobs 16"),
        Wall,
        None,
    );
    let hop = format!("{plain} --hop --jobs 16");
    add("save, 16 jobs, to one hop around plain calls", &format!("{save} --jobs 16"), &hop, Wall, None);
    add("one hop around plain calls, 16 jobs, to 1 thread", &hop, plain, Wall, None);
    let save = "save --sync --n {few} --dir {d}";
    let plain = "save --sync --baseline --n {few} --dir {d}";
    add("save, durable, 1 job", save, plain, Cpu, Some(1.25));
    add(
        "save, durable, 16 jobs",
        &format!("{save} --jobs 16"),
        &format!("{plain} --jobs 16"),
        Cpu,
        Some(1.25),
    );
    add(
        "move, 1 GiB to 4 KiB",
        "large --move --src {big} --dir {d}",
        "large --move --src {tiny} --dir {d}",
        Wall,
        Some(1.3),
    );
    add(
        "move, 1 GiB to rename",
        "large --move --src {big} --dir {d}",
        "large --move --baseline --src {big} --dir {d}",
        Wall,
        None,
    );
    for via in ["file", "reader", "stream"] {
        let ours = format!("large --via {via} --src {{big}} --dir {{d}}").replace("{via}", via);
        add(
            &format!("1 GiB, from a {via}"),
            &ours,
            "large --baseline --src {big} --dir {d}",
            Wall,
            Some(1.3),
        );
    }
    add(
        "1 GiB, from a stream, hashed",
        "large --hash --src {big} --dir {d}",
        "large --src {big} --dir {d}",
        Wall,
        None,
    );
    add(
        "1 GiB, from a stream, MiB over empty",
        "large --src {big} --dir {d}",
        "large --src {empty} --dir {d}",
        Memory,
        Some(16.0),
    );
    add("read 4 KiB", "read --dir {small}", "read --baseline --dir {small}", Wall, Some(1.5));
    add("open", "open --dir {small}", "open --baseline --dir {small}", Wall, None);
    add("exists", "exists --dir {small}", "exists --baseline --dir {small}", Wall, Some(2.0));
    add("size", "size --dir {small}", "size --baseline --dir {small}", Wall, Some(2.0));
    add("stream 1 GiB", "stream --src {big}", "stream --baseline --src {big}", Wall, Some(2.5));
    let mut files = data::names_in(images)?;
    files.retain(|name| !name.starts_with('_'));
    for name in files {
        let src = text(images.join(&name))?;
        for via in ["file", "field"] {
            let ours = format!("dims --via {via} --src {src}");
            add(
                &format!("dims of a {via}, {name}"),
                &ours,
                &format!("dims --baseline --src {src}"),
                Wall,
                Some(if SEGMENTED.contains(&name.as_str()) { 60.0 } else { 3.0 }),
            );
            if name == data::SEGMENTS {
                let base = format!("dims --baseline --hops {} --src {src}", data::SEGMENT_COUNT);
                add(&format!("dims of a {via}, {name}, to its reads by hand"), &ours, &base, Wall, None);
            }
        }
    }
    let plain = "names --baseline --n 1000 --dir {d}";
    add("names, 1 job", "names --n 1000 --dir {d}", plain, Wall, Some(1.6));
    add("names, 16 jobs, to 1 thread", "names --jobs 16 --n 1000 --dir {d}", plain, Wall, Some(1.6));
    let race = "names race --baseline --n 50 --dir {d}";
    add("names race, lost", "names race --n 50 --dir {d}", race, Own("lost"), Some(0.0));
    add(
        "names race of temporary files, lost",
        "names race --temp --n 50 --dir {d}",
        race,
        Own("lost"),
        Some(0.0),
    );
    add_databases(&mut add);
    Ok(cases)
}

/// Adds a case: its name, our command, the baseline's command, the compared figure, the limit.
type Add<'a> = dyn FnMut(&str, &str, &str, Figure, Option<f64>) + 'a;

/// A row and its file: the journal, the baseline by hand, and both databases.
fn add_databases(add: &mut Add<'_>) {
    use Figure::Wall;
    let full = "db --baseline --op FULL --n {few} --dir {d}";
    let durable = "db --baseline --durability full --op FULL --n {few} --dir {d}";
    let postgres = "db --baseline --db postgres --durability full --n {few} --dir {d}";
    add("db, FULL", "db --op FULL --n {few} --dir {d}", full, Wall, Some(2.5));
    add(
        "db, FULL, to a row and a durable file by hand",
        "db --op FULL --n {few} --dir {d}",
        durable,
        Wall,
        None,
    );
    add(
        "db, FULL, without the journal",
        "db --unjournaled --op FULL --n {few} --dir {d}",
        durable,
        Wall,
        None,
    );
    add(
        "db, PostgreSQL, to a durable file by hand",
        "db --db postgres --n {few} --dir {d}",
        postgres,
        Wall,
        None,
    );
    add(
        "db, PostgreSQL, without the journal",
        "db --unjournaled --db postgres --n {few} --dir {d}",
        postgres,
        Wall,
        None,
    );
    let normal = "db --baseline --op NORMAL --n {few} --dir {d}";
    add("db, NORMAL", "db --op NORMAL --n {few} --dir {d}", normal, Wall, None);
    let unsynced = "db --op NORMAL --durability none --n {few} --dir {d}";
    add("db, NORMAL, file not synced", unsynced, normal, Wall, None);
}

fn table(cases: &[Case], results: &[Vec<(Run, Run)>]) {
    println!(
        "| what | ours | baseline | wall ratio | min - max | CPU ours | CPU ratio | MiB ours, baseline | judged | limit | |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (case, pairs) in cases.iter().zip(results) {
        let ours = |figure: fn(&Run) -> f64| median(pairs.iter().map(|(ours, _)| figure(ours)).collect());
        let base = |figure: fn(&Run) -> f64| median(pairs.iter().map(|(_, base)| figure(base)).collect());
        let mut ratios: Vec<f64> = pairs.iter().map(|(ours, base)| ours.secs / base.secs).collect();
        ratios.sort_by(f64::total_cmp);
        let wall = median(ratios.clone());
        let cpu = median(pairs.iter().map(|(ours, base)| ours.cpu / base.cpu).collect());
        let samples: Vec<f64> = pairs.iter().map(|(ours, base)| case.figure.of(ours, base)).collect();
        let verdict = case.limit.map_or("", |limit| verdict(&samples, limit));
        let judged = median(samples);
        println!(
            "| {} | {} | {} | {wall:.2} | {:.2} - {:.2} | {} | {cpu:.2} | {:.1}, {:.1} | {judged:.2} | {} | {verdict} |",
            case.name,
            seconds(ours(|run| run.secs)),
            seconds(base(|run| run.secs)),
            ratios.first().unwrap_or(&f64::NAN),
            ratios.last().unwrap_or(&f64::NAN),
            seconds(ours(|run| run.cpu)),
            ours(|run| run.memory),
            base(|run| run.memory),
            case.limit.map_or("-".to_owned(), |limit| limit.to_string()),
        );
    }
}

/// If one noisy round could move the median across the limit, the verdict is open: all rounds except one in
/// five must agree.
fn verdict(samples: &[f64], limit: f64) -> &'static str {
    let kept = samples.iter().filter(|sample| **sample <= limit).count();
    match (kept, samples.len() - kept) {
        (kept, over) if over * 5 <= kept + over => "ok",
        (kept, over) if kept * 5 <= kept + over => "MISSED",
        _ => "unclear",
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (0, 0) => f64::NAN,
        (middle, 1) => values[middle],
        (middle, _) => (values[middle - 1] + values[middle]) / 2.0,
    }
}

fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.3} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s if s >= 1e-6 => format!("{:.1} us", s * 1e6),
        s => format!("{:.1} ns", s * 1e9),
    }
}
