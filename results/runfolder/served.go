package runfolder

import (
	"slices"
	"time"
)

// TenantsFile are the requests of a server in production whose tenants are known, in
// its cell's folder.
const TenantsFile = "tenants.arrow"

// TenantRequest is a row of tenants.arrow: a finished request by the log of whoever
// knows whose it was. Start and End may lie outside of the cell's window.
type TenantRequest struct {
	Key
	Tenant                     string
	Start, End                 time.Duration // on the cell's clock
	PromptTokens, OutputTokens int64
}

// TenantRequests is the table of tenants.arrow.
func TenantRequests() Table[TenantRequest] {
	type R = TenantRequest
	return Table[R]{name: "tenants", columns: slices.Concat(
		in(func(r *R) *Key { return &r.Key }, keyColumns()),
		[]column[R]{
			text("tenant", false, func(r *R) *string { return &r.Tenant }),
			whole("start_ns", "ns", nil, func(r *R) *time.Duration { return &r.Start }),
			whole("end_ns", "ns", nil, func(r *R) *time.Duration { return &r.End }),
			whole("prompt_tokens", "tokens", nil, func(r *R) *int64 { return &r.PromptTokens }),
			whole("output_tokens", "tokens", nil, func(r *R) *int64 { return &r.OutputTokens }),
		})}
}
