# The door alone: the rooms behind it are of paper.
target_sources(test_line PRIVATE tests/rig/paper/line_rig.c)
