package attribution

import (
	"fmt"
	"strings"
)

// Role is the part of the work that a domain's device does where prefill and
// decode run on devices of their own. Its energy is divided by that work alone.
type Role string

// Roles. The zero value does all of the work.
const (
	RoleBoth    Role = ""
	RolePrefill Role = "prefill"
	RoleDecode  Role = "decode"
)

// ParseRole reads a role's name.
func ParseRole(text string) (Role, error) {
	switch r := Role(text); r {
	case RolePrefill, RoleDecode:
		return r, nil
	}
	return RoleBoth, fmt.Errorf("role %q: want %s or %s", text, RolePrefill, RoleDecode)
}

// ParseRoles reads the roles of domains, each "DOMAIN=prefill" or "DOMAIN=decode"; nil
// for none.
func ParseRoles(texts []string) (map[string]Role, error) {
	var roles map[string]Role
	for _, text := range texts {
		domain, name, ok := strings.Cut(text, "=")
		role, err := ParseRole(name)
		if !ok || domain == "" || err != nil {
			return nil, fmt.Errorf("%q: want DOMAIN=%s or DOMAIN=%s", text, RolePrefill, RoleDecode)
		}
		if roles == nil {
			roles = map[string]Role{}
		}
		roles[domain] = role
	}
	return roles, nil
}

// own keeps the weights of what a device of the role does.
func (r Role) own(prefill, decode float64) (ownPrefill, ownDecode float64) {
	switch r {
	case RolePrefill:
		return prefill, 0
	case RoleDecode:
		return 0, decode
	}
	return prefill, decode
}

// note says that a convention goes by the role's work.
func (r Role) note() string { return "the device does " + string(r) + " alone: divided by that work" }

// part keeps what a device of the role does.
func (r Role) part(x [terms]float64, of *requestWork) [terms]float64 {
	switch r {
	case RolePrefill:
		return [terms]float64{termPrompt: x[termPrompt]}
	case RoleDecode:
		return [terms]float64{float64(of.decodeSteps), 0, x[termDecode], x[termContext]}
	}
	return x
}

// only returns work without what a device of the role does not do. It shares
// the requests' own.
func (r Role) only(w *work) *work {
	if r == RoleBoth {
		return w
	}
	out := *w
	out.cumulative = make([][terms]float64, len(w.cumulative))
	for k, x := range w.cumulative {
		if r == RolePrefill {
			// Which steps were its own cannot be told: the prompt's term stands
			// for them.
			out.cumulative[k] = [terms]float64{termPrompt: x[termPrompt]}
		} else {
			out.cumulative[k] = [terms]float64{x[termStep], 0, x[termDecode], x[termContext]}
		}
	}
	return &out
}
