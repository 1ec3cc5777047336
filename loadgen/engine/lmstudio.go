package engine

import "context"

// LMStudio is LM Studio's local server.
const LMStudio = "lm-studio"

func lmStudio() kind {
	return kind{
		name:      LMStudio,
		recognize: func(ctx context.Context, e peer) bool { return len(e.lmStudioModels(ctx).Data) > 0 },
		identify: func(ctx context.Context, e peer, id *Identity) {
			for _, m := range e.lmStudioModels(ctx).Data {
				if m.ID == id.Model {
					id.ContextTokens = m.Loaded
				}
			}
		},
		profile: Profile{Kind: LMStudio, metrics: "/metrics", salt: true},
	}
}

// lmStudioModels is the answer of its own API's model list.
type lmStudioModels struct {
	Data []struct {
		ID     string `json:"id"`
		Loaded int    `json:"loaded_context_length"`
	} `json:"data"`
}

func (e peer) lmStudioModels(ctx context.Context) (list lmStudioModels) {
	if e.getJSON(ctx, "/api/v0/models", &list) != nil {
		return lmStudioModels{}
	}
	return list
}
