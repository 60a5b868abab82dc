#!/bin/sh
# Measures every table of docs/measured and writes it: about ten hours of two cores. What results.csv has already of the
# same commit of the search is not measured again, so that this may be broken off and begun again.
#
#     sh tests/bench/published.sh FOLDER    (with carp/egl, …, vrp/wcvrptw-kim, large-kw, as docs/benchmarks.md names them)
set -eu
sets=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

measure() {
    .venv/bin/ripeur bench "$@" --csv docs/measured/results.csv
}

ours() { # its plans are kept
    measure "$@" --solutions build/solutions
}

beside() { # what is measured next to Ripeur, one seed each: measure's words
    measure "$@" --engine pyvrp
    measure "$@" --engine ortools-alone
}

# one core each, two at a time
{
    ours carp "$sets/carp/egl" --budget 60 --seeds 1,2,3
    ours mcarp "$sets/carp/mcarp-lpr" --budget 60 --seeds 1,2,3
    ours mcarptif "$sets/carp/mcarptif-lpr" "$sets/carp/mcarptif-cen" --budget 60 --seeds 1,2,3
    beside mcarptif "$sets/carp/mcarptif-lpr" "$sets/carp/mcarptif-cen" --budget 60
    beside carp "$sets/carp/egl" --budget 60
    measure carp "$sets/carp/large-kw/F1_g-6.txt" --budget 60 --engine pyvrp  # N1 has too many places for it
    measure carp "$sets/carp/large-kw/F1_g-6.txt" "$sets/carp/large-kw/N1_g-6.txt" --budget 60 --engine ortools-alone
} &
lane=$!
{
    ours mcvrp "$sets/vrp/mcvrp-abdulkader" --budget 60 --seeds 1,2,3
    ours carp "$sets/carp/val" "$sets/carp/gdb" --budget 10 --seeds 1,2,3
    ours carp "$sets/carp/large-kw/F1_g-6.txt" "$sets/carp/large-kw/N1_g-6.txt" --budget 60 --seeds 1,2,3
    ours mcarp "$sets/carp/mcarp-mval" --budget 60 --seeds 1,2,3
    beside carp "$sets/carp/val" "$sets/carp/gdb" --budget 10
    beside mcvrp "$sets/vrp/mcvrp-abdulkader" --budget 60
    beside mcarp "$sets/carp/mcarp-lpr" "$sets/carp/mcarp-mval" --budget 60
} &
wait $!
wait $lane  # what failed in either is told, and ends this

# two cores each
ours carp "$sets/carp/egl" --budget 300 --cores 2
ours wcvrptw "$sets/vrp/wcvrptw-kim" --budget 300 --cores 2 --seeds 1,2,3
measure wcvrptw "$sets/vrp/wcvrptw-kim" --budget 300 --engine ortools-alone  # PyVRP has no lunches
ours carp "$sets/carp/large-kw/O1_g-6.txt" --budget 600 --cores 2
ours carp "$sets/carp/large-kw/O1_g-6.txt" --budget 3600 --cores 2

.venv/bin/python -m tests.bench.tables > docs/measured/README.md
