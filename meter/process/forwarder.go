package process

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// forwarders are programs that listen on a port and pass what comes on to somebody
// else: the process that computes is another.
func forwarders() []string {
	return []string{
		"docker-proxy", "rootlessport", "slirp4netns", "pasta", "pasta.avx2", "passt", "gvproxy", "vpnkit-bridge", "com.docker.backend", // containers' ports
		"ssh", "sshd", "sshd-session", "autossh", "kubectl", "oc", "k9s", "cloudflared", "ngrok", "tailscaled", "frpc", "frps", // tunnels
		"nginx", "openresty", "haproxy", "envoy", "traefik", "caddy", "httpd", "apache2", "varnishd", "squid", "lighttpd", "pound", // reverse proxies
		"socat", "stunnel", "stunnel4", "rinetd", "redir", "balance", "xinetd", "ncat", "simpleproxy",
	}
}

// Forwarder reports whether process pid is a program that only passes requests on.
func (fs FS) Forwarder(pid int) bool {
	args := fs.Arguments(pid)
	if len(args) == 0 {
		return false
	}
	// nginx writes "nginx: master process /usr/sbin/nginx" over its arguments.
	name, _, _ := strings.Cut(filepath.Base(strings.Fields(args[0] + " ")[0]), ":")
	return slices.Contains(forwarders(), name)
}

// leastPerToken is less CPU time than any engine spends on a token of an
// answer: it has to choose it, decode it to text and send it.
const leastPerToken = 5 * time.Microsecond

// OnlyForwards reports whether a process tree that used so much CPU time
// while so many output tokens came through it cannot have made them.
func OnlyForwards(used time.Duration, tokens int64) bool {
	return tokens >= leastTokens && used < time.Duration(tokens)*leastPerToken
}

// leastTokens is how many tokens say something of what one costs.
const leastTokens = 100
