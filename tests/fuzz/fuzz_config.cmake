set(corpus tests/data/conf)
