#!/usr/bin/env python3
"""What the derive costs a build: CPU milliseconds a struct, in `cargo check` and in a debug build.

200 structs of 6 fields, 2 of them files, are compiled with each derive. Subtracted are an empty crate with the same
dependencies, which costs a crate once and not a struct, and the same structs without a derive. The minimum of several
runs counts, in CPU time, and the runs of all crates take turns, so that a busy machine matters little. Cargo's default
profile is used, because that is what most users have.

    python3 tests/cost/cost.py [--runs 5] [--without-db] [--enforce]

`--enforce` fails where a share is above its limit. Nothing is downloaded beyond what Cargo.lock names.
"""

import argparse
import os
import pathlib
import resource
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STRUCTS = 200
SERDE_SHARE = 0.15
SEA_ORM_SHARE = 0.50

FIELDS = """    {key}pub id: i64,
    pub title: String,
    {photo}pub photo: {image},
    pub photo_width: Option<u32>,
    {scan}pub scan: {file},
    pub price: f64,
"""

FILES = {
    "photo": '#[file(upload_to = "photos/%Y/%m", width_field = photo_width)] ',
    "scan": '#[file(upload_to, max_size = "20 MiB")] ',
    "image": "filefield::ImageField",
    "file": "Option<filefield::FileField>",
}
STRINGS = {"image": "String", "file": "Option<String>"}


def structs(header, **parts):
    parts = {"key": "", "photo": "", "scan": "", **parts}
    fields = FIELDS.format(**parts)
    return "".join(f"{header.format(n=n)}pub struct Model{n} {{\n{fields}}}\n" for n in range(STRUCTS))


def entities():
    fields = FIELDS.format(key="#[sea_orm(primary_key)] ", photo="", scan="", **STRINGS)
    return "".join(
        f"""pub mod model{n} {{
use sea_orm::entity::prelude::*;
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "models{n}")]
pub struct Model {{
{fields}}}
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {{}}
impl ActiveModelBehavior for ActiveModel {{}}
}}
"""
        for n in range(STRUCTS)
    )


def variants(with_db):
    runtime = f'filefield = {{ path = "{ROOT}/runtime", default-features = false, features = %s }}\n'
    serde = 'serde = { version = "1", features = ["derive"] }\n'
    clone = "#[derive(Clone, Debug)]\n"
    found = {
        "none": ("", structs("", **STRINGS)),
        "serde": (serde, structs("#[derive(serde::Serialize, serde::Deserialize)]\n", **STRINGS)),
        "filefield": (runtime % '[]', structs("#[derive(filefield::Model)]\n", **FILES)),
    }
    if with_db:
        table = '#[derive(Clone, Debug, filefield::Model)]\n#[model(table = "models{n}")]\n'
        orm = 'sea-orm = { version = "2", default-features = false, features = ["macros"] }\n'
        # `Clone` and `Debug` are the cost of neither.
        found["clone"] = ("", structs(clone, **STRINGS))
        found["filefield, table"] = (
            runtime % '["db"]',
            structs(table, key="#[model(primary_key)] ", **FILES),
        )
        found["sea-orm"] = (orm, entities())
    for name, (dependencies, _) in list(found.items()):
        linked = [line.split(" ")[0].replace("-", "_") for line in dependencies.splitlines()]
        found[empty(name)] = (dependencies, "".join(f"extern crate {name} as _;\n" for name in linked))
    return found


def empty(name):
    return f"{name}, empty"


def package(name):
    return "cost-" + name.replace(", ", "-")


def generate(folder, found):
    members = ", ".join(f'"{package(name)}"' for name in found)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text(f'[workspace]\nresolver = "3"\nmembers = [{members}]\n')
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
    shutil.copy(ROOT / "rust-toolchain.toml", folder / "rust-toolchain.toml")
    for name, (dependencies, source) in found.items():
        sources = folder / package(name) / "src"
        sources.mkdir(parents=True, exist_ok=True)
        (sources.parent / "Cargo.toml").write_text(
            f'[package]\nname = "{package(name)}"\nversion = "0.0.0"\nedition = "2024"\n'
            f"[dependencies]\n{dependencies}"
        )
        (sources / "lib.rs").write_text(f"#![allow(dead_code, missing_docs)]\n{source}")


def cpu(folder, command, name):
    """CPU seconds of one build of the crate alone."""
    os.utime(folder / package(name) / "src" / "lib.rs")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        ["cargo", *command, "-q", "-p", package(name)],
        cwd=folder,
        check=True,
        env={**os.environ, "CARGO_INCREMENTAL": "0"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--without-db", action="store_true", help="leave out what needs sea-orm, which is slow to build")
    parser.add_argument("--enforce", action="store_true")
    arguments = parser.parse_args()
    found = variants(not arguments.without_db)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    folder = target / "cost"
    os.environ["CARGO_TARGET_DIR"] = str(folder / "target")
    generate(folder, found)
    over = []
    print(f"CPU ms a struct, minimum of {arguments.runs} runs")
    for title, command in [("check", ["check"]), ("debug build", ["build"])]:
        for name in found:
            cpu(folder, command, name)
        runs = {name: [] for name in found}
        for _ in range(arguments.runs):
            for name in found:
                runs[name].append(cpu(folder, command, name))
        least = {name: min(times) * 1000 / STRUCTS for name, times in runs.items()}
        own = {name: least[name] - least[empty(name)] for name in found if empty(name) in found}
        base = {name: "clone" if name in ("filefield, table", "sea-orm") else "none" for name in own}
        cost = {name: own[name] - own[base[name]] for name in own}
        shares = [("filefield", "serde", SERDE_SHARE), ("filefield, table", "sea-orm", SEA_ORM_SHARE)]
        for name in own:
            share = next((f"  {cost[name] / cost[of]:.0%} of {of} (limit {limit:.0%})"
                          for what, of, limit in shares if what == name), "")
            if name not in ("none", "clone"):
                print(f"  {title:12} {name:18} {cost[name]:7.2f}{share}")
        over += [f"{title}: {name}" for name, of, limit in shares
                 if name in cost and cost[name] > limit * cost[of]]
    if over:
        print("over the limit: " + ", ".join(over))
    return 1 if over and arguments.enforce else 0


if __name__ == "__main__":
    sys.exit(main())
