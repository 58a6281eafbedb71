//! Unusual but legal inputs compile. They are modules of one program, because linking each separately takes
//! minutes.
#![allow(dead_code, unreachable_pub, unused_qualifications)]

#[path = "../pass/bounds_on_self.rs"]
mod bounds_on_self;
#[path = "../pass/from_macro_rules.rs"]
mod from_macro_rules;
#[path = "../pass/own_types_of_the_same_names.rs"]
mod own_types_of_the_same_names;
#[path = "../pass/trailing_commas_and_flags.rs"]
mod trailing_commas_and_flags;

#[test]
fn legal_inputs_compile() {
    bounds_on_self::main();
    from_macro_rules::main();
    own_types_of_the_same_names::main();
    trailing_commas_and_flags::main();
}
