//! The operations that are broken one step at a time, each with its preparation.

use super::world::{Change, Files, Order, Random};

/// One operation to break, and the operations that make its row.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) prepare: Vec<Order>,
    pub(crate) order: Order,
}

/// Every scenario, on separate rows: `number` distinguishes rows of one world.
pub(crate) fn all(number: u64, random: &mut Random) -> Vec<Scenario> {
    let mut file = || random.file();
    let two = Files { photo: Some(file()), manual: Some(file()), key: None };
    let full = Files { key: Some(file()), ..two };
    let create = Change::Create(full);
    let scenarios = [
        ("create", vec![], Change::Create(Files::photo(file()))),
        ("create-two", vec![], Change::Create(Files { photo: Some(file()), ..two })),
        ("create-unique", vec![], Change::Create(Files::key(file()))),
        ("create-all", vec![], Change::Create(Files { photo: Some(file()), ..full })),
        ("replace", vec![create], Change::Replace(Files::photo(file()))),
        (
            "replace-two",
            vec![create],
            Change::Replace(Files { key: Some(file()), photo: Some(file()), manual: None }),
        ),
        ("clear", vec![create], Change::Clear),
        ("delete", vec![create], Change::Delete),
        ("refused", vec![create], Change::Refused(two)),
        (
            "replace-in",
            vec![create],
            Change::ReplaceIn(Files { manual: None, photo: Some(file()), key: Some(file()) }),
        ),
        ("rolled-back", vec![create], Change::RolledBack(Files::photo(file()))),
        ("sweep", vec![create, Change::DeleteIn], Change::Sweep),
    ];
    scenarios
        .into_iter()
        .map(|(name, prepare, change)| {
            let order = |change| Order::new(format!("{name} {number}"), change);
            Scenario { name, prepare: prepare.into_iter().map(order).collect(), order: order(change) }
        })
        .collect()
}

/// The scenarios whose names are in `wanted`, a comma-separated list, or all of them for `all`.
pub(crate) fn some(wanted: &str, number: u64, random: &mut Random) -> Vec<Scenario> {
    let mut scenarios = all(number, random);
    scenarios.retain(|scenario| wanted == "all" || wanted.split(',').any(|name| name == scenario.name));
    scenarios
}
