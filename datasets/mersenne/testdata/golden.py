#!/usr/bin/env python3
"""Prints what CPython's module random draws for seeds, as JSON.

usage: golden.py SEED...     (go test ./datasets/mersenne -update runs it)
"""

import json
import random
import sys


def draws(seed):
    def fresh():
        random.seed(seed)
        return random

    shuffled = {}
    for n in (0, 1, 2, 10, 1000):
        xs = list(range(n))
        fresh().shuffle(xs)
        shuffled[str(n)] = xs
    r = fresh()
    return {
        "seed": seed,
        "words": [r.getrandbits(32) for _ in range(1500)][::50],  # past two twists
        "bits": [fresh().getrandbits(k) for k in range(1, 65)],
        "choices": [r.choice(range(n)) for r in [fresh()] for n in
                    list(range(1, 70)) + [2**20, 2**20 + 1, 2**32 - 1, 2**32, 2**32 + 1, 2**40, 2**62]],
        "shuffled": shuffled,
    }


json.dump([draws(int(s)) for s in sys.argv[1:]], sys.stdout)
print()
