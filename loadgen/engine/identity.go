package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Names of what a server may not tell, as they stand in Identity.Unknown.
const (
	unknownModel   = "model"
	unknownVersion = "version"
	unknownBatch   = "effective_batch"
	unknownContext = "context_tokens"
	unknownMetrics = "metrics"
)

// Identity is what a server says it is.
type Identity struct {
	// Kind is one of the kinds' names, such as VLLM; OpenAI for any other.
	Kind string
	// Version is the server's own, "" if it does not tell.
	Version string
	// Model is the name to ask for: the only one that is served, or the first
	// base model; Models are all that /v1/models lists.
	Model  string
	Models []string
	// NoModel says why Model is "": the list is not there, or empty.
	NoModel string
	// EffectiveBatch is the highest number of requests that the server decodes
	// together, ContextTokens the longest prompt and output together of one
	// request; 0 if the server does not tell.
	EffectiveBatch, ContextTokens int
	// Parameters is the number of the model's weights, WeightBytes what they take;
	// 0 if the server does not tell.
	Parameters, WeightBytes int64
	// Unknown names what the server does not tell.
	Unknown []string
}

// identifyLimit bounds all questions of one Identify but the first.
const identifyLimit = 20 * time.Second

// Identify asks the server at baseURL what it is. A nil client is one of
// NewClient. It fails only if the server cannot be reached: a model list that is
// not there, or anything else, is named in Unknown, since requests may be answered
// all the same.
func Identify(ctx context.Context, c *http.Client, baseURL, apiKey string) (Identity, error) {
	e, err := newPeer(c, baseURL, apiKey)
	if err != nil {
		return Identity{}, err
	}
	list, listErr := e.models(ctx)
	if unreachable(listErr) || ctx.Err() != nil {
		return Identity{}, fmt.Errorf("identify %s: %w", e.root, cmp.Or(context.Cause(ctx), listErr))
	}
	var id Identity
	for _, m := range list.Data {
		id.Models = append(id.Models, e.line(m.ID))
		if id.Model == "" && m.Parent == "" {
			id.Model, id.ContextTokens = m.ID, m.context()
			id.Parameters, id.WeightBytes = m.size()
		}
	}
	owner := ""
	switch {
	case listErr != nil:
		id.NoModel = listErr.Error()
	case id.Model == "":
		id.NoModel = "it serves no model"
	default:
		owner = list.Data[0].OwnedBy
	}
	asking, cancel := context.WithTimeout(ctx, identifyLimit)
	defer cancel()
	k := e.recognize(asking, owner)
	id.Kind = k.name
	// What a server cannot answer stays unknown, whatever its reason: vLLM's
	// /server_info, for one, fails where pip is missing.
	if k.identify != nil {
		k.identify(asking, e, &id)
	}
	id.Version = e.line(id.Version)
	_, metricsErr := e.scrape(asking, k.profile.metrics, func() time.Duration { return 0 })
	if ctx.Err() != nil {
		return Identity{}, fmt.Errorf("identify %s: %w", e.root, context.Cause(ctx))
	}
	for _, u := range []struct {
		name    string
		missing bool
	}{
		{unknownModel, id.Model == ""},
		{unknownVersion, id.Version == ""},
		{unknownBatch, id.EffectiveBatch == 0},
		{unknownContext, id.ContextTokens == 0},
		{unknownMetrics, metricsErr != nil},
	} {
		if u.missing {
			id.Unknown = append(id.Unknown, u.name)
		}
	}
	return id, nil
}

// unreachable reports whether err is of the way to the server, not its answer.
func unreachable(err error) bool {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &network) || errors.As(err, &certificate)
}
