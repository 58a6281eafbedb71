use filefield::prelude::*;

#[derive(Debug, Clone, Default, Model)]
#[model(table = "cars")] // filefield writes the rows of this table
struct Car {
    #[model(primary_key)]
    id: i64,
    #[model(unique)]
    name: String,
    price: Decimal,
    #[file(upload_to = "cars", width_field = photo_width, height_field = photo_height)]
    photo: ImageField,
    photo_width: Option<u32>,
    photo_height: Option<u32>,
    #[file(upload_to = manual_name, meta_field = manual_meta, accept = ["application/pdf"], max_size = "20 MiB")]
    manual: Option<FileField>,
    manual_meta: FileMeta,
}

fn manual_name(car: &Car, filename: &str) -> String {
    // People type names such as "Ford: Model T" and "AC/DC".
    let folder = filefield::name::valid_name(&car.name).unwrap_or_default();
    format!("manuals/{folder}/{filename}")
}

#[tokio::main]
async fn main() -> filefield::Result<()> {
    App::builder().settings(Settings::from_env()?).model::<Car>().build()?;
    let db = filefield::db::connect("sqlite://garage.db?mode=rwc").await?;
    filefield::db::migrate::<Car>(&db).await?;

    let named = || Car::columns().name.eq("57 Chevy");
    if !Car::objects(&db).filter(named()).exists().await? {
        let photo = ImageField::from_path("chevy.jpg")?;
        let mut car = Car { name: "57 Chevy".into(), photo, ..Car::default() };
        car.save(&db).await?; // file and row, together
    }

    let car = Car::objects(&db).get(named()).await?;
    println!("{}", car.photo().name()); // cars/chevy.jpg
    println!("{}", car.photo().url()?); // /media/cars/chevy.jpg
    println!("{:?}", car.photo().path()?); // absolute, on local storages
    println!("{} bytes", car.photo().size().await?);
    println!("{:?} pixels wide", car.photo().width().await?); // from the row
    let bytes = car.photo().read().await?; // or open(), chunks(), lines(), open_range()
    println!("{} bytes read", bytes.len());
    Ok(())
}
