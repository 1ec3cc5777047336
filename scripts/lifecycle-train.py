"""Trains a model of OLMo 2's shape on the text of a trace, on the CPU.

usage: lifecycle-train.py TOKENIZER CORPUS [--steps N] [--rate R] [--layers N] [--out FOLDER]

TOKENIZER is a Hugging Face folder with a tokenizer and its chat template, CORPUS a
trace in ShareGPT's shape. Without --out the weights are thrown away. Prints the
loss of the first and the last steps.
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import torch
import transformers

BATCH, LENGTH = 8, 128  # sequences of a step, and their tokens


def tokens(tokenizer, corpus):
    """All conversations one after another."""
    ids = []
    for entry in json.loads(corpus.read_text()):
        for turn in entry["conversations"]:
            ids += tokenizer(turn["value"])["input_ids"] + [tokenizer.eos_token_id]
    return torch.tensor(ids)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tokenizer", type=pathlib.Path)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()

    torch.manual_seed(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.tokenizer)
    text = tokens(tokenizer, args.corpus)
    model = transformers.Olmo2ForCausalLM(transformers.Olmo2Config(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=688, num_hidden_layers=args.layers, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=4096, rope_theta=500000.0, rms_norm_eps=1e-6, tie_word_embeddings=False,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    ))
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate)
    losses = []
    for _ in range(args.steps):
        starts = torch.randint(len(text) - LENGTH, (BATCH,)).tolist()
        batch = torch.stack([text[s:s + LENGTH] for s in starts])
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    first, last = losses[:10], losses[-10:]
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} million parameters, {args.steps} steps of {BATCH} x {LENGTH} tokens: "
          f"loss {sum(first) / len(first):.2f} to {sum(last) / len(last):.2f}")
    if args.out:
        # Made beside OUT and renamed: OUT is there only when it is whole.
        making = pathlib.Path(tempfile.mkdtemp(prefix=args.out.name + ".", dir=args.out.parent))
        model.to(torch.bfloat16).save_pretrained(making)
        tokenizer.save_pretrained(making)
        making.chmod(0o755)
        shutil.move(making, args.out)


if __name__ == "__main__":
    main()
