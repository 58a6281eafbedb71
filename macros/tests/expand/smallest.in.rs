struct Note {
    #[file]
    scan: FileField,
}
