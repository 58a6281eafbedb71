//! The same world and the same operation repeatedly, so that its system calls can be identified by number.

use super::Result;
use super::child::{Child, Durable, End};
use super::options::Options;
use super::place::Place;
use super::scenario::{self, Scenario};
use super::tracer::{Call, On, Tracer};
use super::world::{Change, Expected, Files, Order, Random};

/// A new world just before an operation.
pub(crate) struct Traced {
    pub(crate) place: Place,
    pub(crate) child: Child,
    pub(crate) expected: Expected,
    pub(crate) scenario: Scenario,
}

impl Traced {
    /// The world and the bytes of all files follow from the seed.
    pub(crate) fn new(options: &Options, durable: Durable, name: &str) -> Result<Traced> {
        let mut random = Random::new(options.seed);
        let place = Place::new(options)?;
        let mut child = Child::ready(&place.setup(durable, true))?;
        let mut expected = Expected::default();
        // Rows that have something to lose. After these operations every thread exists.
        let warm = [
            ("bystander", Change::Create(Files::all(&mut random))),
            ("warm", Change::Create(Files::all(&mut random))),
            ("warm", Change::Delete),
            ("warm", Change::Sweep),
        ];
        for (row, change) in warm {
            child.perform(&Order::new(row, change), &mut expected)?;
        }
        let scenario =
            scenario::some(name, 0, &mut random).pop().ok_or_else(|| format!("no operation `{name}`"))?;
        for order in &scenario.prepare {
            child.perform(order, &mut expected)?;
        }
        Ok(Traced { place, child, expected, scenario })
    }

    /// Performs the operation.
    pub(crate) fn perform(&mut self) -> Result<End> {
        self.child.perform(&self.scenario.order, &mut self.expected)
    }

    /// The system calls of an operation on files of the media folder or the database.
    pub(crate) fn calls(options: &Options, durable: Durable, name: &str) -> Result<Vec<Call>> {
        let mut traced = Traced::new(options, durable, name)?;
        let tracer = Tracer::list(&traced.child)?;
        traced.perform()?;
        let mut calls = tracer.calls(&mut traced.child, traced.place.path())?;
        calls.retain(|call| call.on != On::Other);
        if calls.is_empty() {
            return Err(format!("`{name}` makes no system calls").into());
        }
        Ok(calls)
    }
}

/// The names of the operations on the command line.
pub(crate) fn wanted(options: &Options) -> Vec<&'static str> {
    let scenarios = scenario::some(options.text("operations", "all"), 0, &mut Random::new(0));
    scenarios.into_iter().map(|scenario| scenario.name).collect()
}
