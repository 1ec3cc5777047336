package loadgen

// Flags of a Record: doubts about it, by name.
const (
	FlagResent   = "resent"          // sent again: its idle connection had been closed by the server
	FlagNoUsage  = "no_usage"        // the server sent no usage that counts: one token an event is assumed
	FlagNoPrompt = "no_prompt_count" // the server counted the output and not the prompt
	FlagNoText   = "no_text"         // tokens were counted but none had text
	FlagNoEnd    = "no_end"          // complete, but [DONE] did not come: the connection broke, or the wait was given up
	FlagLate     = "late"            // sent later than the lateness bound after its due time
	FlagHeld     = "held"            // waited for a place under the in-flight cap
	FlagStarved  = "client_starved"  // the client's threads waited for a processor meanwhile

	FlagUsageText   = "usage_contradicts_text"  // the usage counts fewer tokens than the text can have
	FlagUsageTotal  = "usage_contradicts_total" // total_tokens is not prompt and completion together
	FlagUsageMore   = "usage_exceeds_text"      // the usage counts more tokens than the text has bytes
	FlagImplausible = "usage_implausible"       // a figure of the usage cannot be, and is unknown here
	FlagTimes       = "times_contradict"        // it was sent after it was done, or its first token came after its last
	FlagNoFinish    = "no_finish"               // the end mark came without a finish reason and without a usage
	FlagAfterFinish = "text_after_finish"       // text came after the finish reason
	FlagFiltered    = "content_filter"          // the server's filter ended the answer
	FlagOnePiece    = "answer_in_one_piece"     // all tokens came together: no time per token
	FlagHidden      = "hidden_reasoning"        // it began with reasoning that was counted and not sent
	FlagStrange     = "text_in_unknown_field"   // text under a name that is not known, taken for reasoning
	FlagOtherModel  = "other_model"             // the answer names another model than was asked for
	FlagPromptCut   = "prompt_cut"              // the server counted far fewer prompt tokens than there are
	FlagLonger      = "longer_than_asked"       // more tokens than the request asked for
	FlagShorter     = "shorter_than_asked"      // fewer, though it asked for exactly so many or was cut for its length
)
