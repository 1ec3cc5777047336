package engine

// OpenAI is any other server that speaks the protocol.
const OpenAI = "openai"

// openAI gets nothing that it might refuse.
func openAI() kind {
	return kind{name: OpenAI, profile: Profile{Kind: OpenAI, metrics: "/metrics", salt: true}}
}
