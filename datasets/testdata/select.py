#!/usr/bin/env python3
"""The ShareGPT selections of vLLM and SGLang, written anew from their rules.

usage: select.py FILE < CASES.json      (go test ./datasets -run Selection -update runs it)

CASES is a list of {"rule", "num_requests", "seed", "output_tokens",
"context_tokens", "no_oversample"}. Each gets the list of the positions in the
file, in the order of sending, with prompt and output lengths. Tokens are
white-space separated words here, so that no tokenizer is needed.

The lists of selections.json are also those of the tools' own code (vLLM 0.33.0,
class ShareGPTDataset; SGLang 0.5.23, sample_sharegpt_requests) over the same
file, with a tokenizer that splits at white space.
"""

import json
import random
import sys


def tokens(text):
    return len(text.split())


def vllm(data, n, seed, output_tokens, no_oversample):
    pool = [(i, e["conversations"]) for i, e in enumerate(data)
            if "conversations" in e and len(e["conversations"]) >= 2]
    random.seed(seed)
    random.shuffle(pool)
    taken = []
    for index, turns in pool:
        if len(taken) >= n:
            break
        prompt = tokens(turns[0]["value"])
        output = output_tokens or tokens(turns[1]["value"])
        if prompt < 4 or (not output_tokens and output < 4):
            continue
        if prompt > 1024 or prompt + output > 2048:
            continue
        taken.append((index, prompt, output))
    if len(taken) < n and not no_oversample:
        random.seed(seed)
        taken += [random.choice(taken) for _ in range(n - len(taken))]
    return taken


def sglang(data, n, seed, output_tokens, context_tokens):
    random.seed(seed)
    pool = []
    for i, e in enumerate(data):
        turns = e.get("conversations", e.get("conversation", []))
        if len(turns) >= 2:
            pool.append((i, turns[0]["value"], turns[1]["value"]))
    random.shuffle(pool)
    taken = []
    for index, prompt, completion in pool:
        if len(taken) == n:
            break
        p = tokens(prompt)
        o = output_tokens or tokens(completion)
        if p < 2 or o < 2 or (context_tokens and p + o > context_tokens):
            continue
        taken.append((index, p, o))
    return taken


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        data = json.load(f)
    results = []
    for case in json.load(sys.stdin):
        n, seed, output = case["num_requests"], case["seed"], case.get("output_tokens", 0)
        if case["rule"] == "vllm":
            taken = vllm(data, n, seed, output, case.get("no_oversample", False))
        else:
            taken = sglang(data, n, seed, output, case.get("context_tokens", 0))
        columns = list(zip(*taken)) or [(), (), ()]
        results.append({"index": columns[0], "prompt_tokens": columns[1], "output_tokens": columns[2]})
    json.dump(results, sys.stdout)


main()
