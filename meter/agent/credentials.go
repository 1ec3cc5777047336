package agent

import (
	"time"

	"cfubench/internal/admission"
)

const (
	// idleLimit ends a connection that asks nothing: a client asks ten times a
	// second.
	idleLimit = 10 * time.Second
	// writePatience is how long a client may leave what it is sent unread.
	writePatience = 15 * time.Second
)

// prefix is that of the variables which hold the credentials.
const prefix = "CFU_AGENT"

// Credentials is how agent and client know each other: a bearer token, certificates,
// or both. The zero value is for the loopback interface only.
type Credentials = admission.Credentials

// CredentialsFromEnv takes CFU_AGENT_TOKEN, CFU_AGENT_CERT, CFU_AGENT_KEY and
// CFU_AGENT_CA from the environment; an agent and its clients use the same
// names.
func CredentialsFromEnv(getenv func(string) string) Credentials {
	return admission.FromEnv(getenv, prefix)
}

// CheckListen refuses to serve other hosts without knowing who asks. The warning, if
// there is one, is for the user.
func CheckListen(c Credentials, address string) (warning string, err error) {
	return gate(c).CheckListen(address)
}

func gate(c Credentials) admission.Gate {
	return admission.Gate{Credentials: c, Server: "the agent", Prefix: prefix, Harm: "read this host's meters", Idle: idleLimit}
}
