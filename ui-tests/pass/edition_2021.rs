use filefield::{FileField, ImageField, Model};

#[derive(Clone, Model)]
#[model(table = "plants")]
struct Plant {
    #[model(primary_key)]
    id: i32,
    #[file(width_field = gen)]
    photo: ImageField,
    gen: u32,
}

#[derive(Model)]
struct Seed {
    #[file]
    gen: FileField,
}

fn main() {
    let _ = |plant: &Plant, seed: &mut Seed| {
        seed.gen_mut().clear();
        plant.photo().name().len() + seed.gen().name().len()
    };
}
