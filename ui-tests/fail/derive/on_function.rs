// mistakes: 1
#[derive(filefield::Model)]
fn photo() {}

fn main() {}
