"""Nothing that is shown of a truck or a site changes by what another one may send: 20,000 facts drawn.

``python -m tests.bench.bench_forgeries [--draws 20000] [--seed 1] [--postgres]``

The same draws as ``tests/test_forgeries.py``, looked at after every 20 facts, and once more after a restart; exits 1
at the first difference.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from random import Random

from depot_api.settings.roles import REPORTS
from depot_api.store.store import Store
from tests.bench.bench_intake import databases
from tests.forgeries import SENDERS, Day, drawn, drawn_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    args = parser.parse_args()
    chance, taken, begun_s = Random(args.seed), Counter[str](), time.perf_counter()
    with databases(args.postgres) as urls, Store(next(urls)) as store:
        day = Day.begun(store)
        truth = day.shown()
        for k in range(args.draws):
            sender = chance.choice(SENDERS if chance.random() < 0.1 else REPORTERS)
            stored = day.send(sender, drawn(chance, day, sender))
            taken[sender.role] += stored is not None
            if k % 100 == 0:
                day.send_table(CONTRACTOR, drawn_table(chance))
            if k % 20 == 19 or k == args.draws - 1:
                day.followed()
                assert day.shown() == truth, f"draw {k}, seed {args.seed}"
        day.begun_anew()
        assert day.shown() == truth, f"after a restart, seed {args.seed}"
    told = ", ".join(f"{role} {n}" for role, n in sorted(taken.items()))
    print(f"{args.draws} facts drawn, {sum(taken.values())} taken ({told}): nothing of T2 or S2 changed; "
          f"{time.perf_counter() - begun_s:.0f} s")  # fmt: skip


REPORTERS = [sender for sender in SENDERS if sender.role in REPORTS]
CONTRACTOR = next(sender for sender in SENDERS if sender.role == "contractor")


if __name__ == "__main__":
    main()
