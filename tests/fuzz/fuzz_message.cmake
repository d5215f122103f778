set(corpus daemon/domain/templates)
