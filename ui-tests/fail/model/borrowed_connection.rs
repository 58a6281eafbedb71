// mistakes: 2
use filefield::db::{Connection, Db};
use std::sync::Arc;

struct Garage<C>(C);

// `save` has the same bound; what calls an `async` function with it is told three times.
fn garage<C: Connection>(db: C) -> Garage<C> {
    Garage(db)
}

fn open(db: &Db, shared: Arc<Db>) {
    let _ = garage(&db);
    let _ = garage(&shared);
}

fn main() {}
