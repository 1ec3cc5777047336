package tenants

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"cfubench/internal/outside"
	"cfubench/internal/secret"
)

// Names that are no tenant's own.
const (
	// Other is of all tenants beyond the bound.
	Other = "other"
	// None is of requests that name no tenant.
	None = "none"
	// Unattributed is of what the server did and no request in the file accounts for.
	Unattributed = "unattributed"
	// Idle is of the time in which nothing was asked of the server.
	Idle = "idle"
)

// longest is the most characters of a name.
const longest = 64

// Names gives tenants the names under which they are told: clean, at most Bound of
// them, and never a key. It must not be copied.
type Names struct {
	Bound   int
	Secrets *secret.Redactor
	known   map[string]string
	told    map[string]bool
}

// Of is the name of a tenant. The first Bound names are kept; all further ones are
// Other.
func (n *Names) Of(tenant string) string {
	if tenant == "" {
		return None
	}
	if name, ok := n.known[tenant]; ok {
		return name
	}
	name := n.clean(tenant)
	if !n.told[name] {
		if len(n.told) >= n.Bound {
			return Other
		}
		if n.told == nil {
			n.known, n.told = map[string]string{}, map[string]bool{}
		}
		n.told[name] = true
	}
	if len(n.known) < 16*n.Bound { // spellings of one name are not without end
		n.known[tenant] = name
	}
	return name
}

// keyed is the shape of what may be a key: a known beginning, or many letters and
// digits without a break.
var keyed = regexp.MustCompile(`^(?i:bearer |basic |sk-|sk_|pk-|pk_|hf_|gh[pousr]_|xox[a-z]-|akia|eyj|glpat-|nvapi-|api-)|[A-Za-z0-9_+/=]{32,}`)

// clean is a tenant's name in characters that any system takes. What has the shape
// of a key is told by a hash of it.
func (n *Names) clean(tenant string) string {
	if keyed.MatchString(tenant) || n.Secrets.Text(tenant) != tenant {
		sum := sha256.Sum256([]byte(tenant))
		return "hash-" + hex.EncodeToString(sum[:6])
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-@:/+", r) {
			return r
		}
		return '_'
	}, outside.Line(tenant, longest))
	switch name {
	case Other, None, Unattributed, Idle, "":
		return "tenant-" + name
	}
	return name
}
