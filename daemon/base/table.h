/*
 * table.h - uthash for tables of thousands: short chains. As it comes, uthash lets ten items share
 * a bucket before it makes more of them, and each item looked at is a place in memory that was not
 * read for long.
 */
#pragma once
#include <uthash.h>

#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 4U
