enum User<T> {
    Photo(T),
}
