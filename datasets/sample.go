package datasets

import _ "embed"

// sampleJSON is the bundled sample: a ShareGPT file of generated text, made by
// scripts/sample. Conversations, turns and lengths follow the statistics of
// real ones; each answer has one word for each token to ask for, so that runs
// which force the output length need no tokenizer.
//
//go:embed sample.json
var sampleJSON []byte
