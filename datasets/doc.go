// Package datasets reads the traces that a run replays and picks the requests
// from them. It knows nothing of HTTP or energy.
//
// # Formats
//
//   - sample: bundled, 64 conversations with 314 human turns of generated text.
//     Turn counts and lengths follow real ShareGPT conversations (scripts/sample
//     has the figures and their source). A word of it is a token: SmolLM2 counts
//     21,477 in the 21,474 words of the first prompts.
//   - sharegpt:FILE: conversations, a JSON array of them or one a line, read one
//     at a time. Turns are found under "conversations", "conversation" or
//     "messages", as from and value, role and content, or mixtures; a system
//     prompt inside the turns or beside them.
//   - azure:FILE, burstgpt:FILE, mooncake:FILE: arrival times and lengths
//     without text. Their prompts are generated, one word for each token that
//     the trace states; Mooncake's hash ids make shared prefixes. Alibaba's
//     lines of the same form are told by their chat_id (blocks of 16, seconds);
//     other block sizes and units are refused until the user names them.
//   - openai:FILE: whole requests, one OpenAI body a line, bare or as in a batch
//     file. The body is sent as it is; its text is only counted.
//   - jsonl:FILE: one request a line, see Line.
//
// # Selections
//
// VLLM and SGLang are the exact selections of the two benchmark tools, down to
// CPython's random numbers, so that a run can replay what was published. They
// draw different requests by different length rules from one file and one seed:
// figures of one do not compare with figures of the other. Both look at the
// first two turns and not at who spoke them. First is for one's own runs: file
// order, the first human turn, roles checked, or every human turn.
//
// The rules were read in the sources of vLLM (commit 237145ea) and SGLang
// (commit 09716a6e); the golden lists of the tests are also those of the code
// that vLLM 0.33.0 and SGLang 0.5.23 ship.
//
// # Token counts
//
// Lengths depend on who counts. With a Tokenizer the counts are its, and the
// trace says so. Without one they are what the file states, or Unknown: what a
// prompt came to is then in the server's usage after the run. A tokenizer of
// the model under test is the endpoint's own; the rules above include the
// special tokens that it adds.
package datasets
